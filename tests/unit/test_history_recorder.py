"""Writing a history: many writers, killed writers, full disks; and how an end is told from its exception."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.exceptions import Exit

from jujulab.cli import catalogue, main, recording
from jujulab.cli.watching import UpgradeFailedError
from jujulab.history import event, recorder
from jujulab.history.event import Event, Kind, operations, parse_line, read
from jujulab.history.recorder import Recorder, outcome_of
from jujulab.store import Store
from jujulab_core.errors import ConnectionLost, DeadlineError, JujulabError, RpcError, UsageError


def test_an_event_survives_its_line(tmp_path: Path) -> None:
    made = Recorder(tmp_path / "h", "me").add(Kind.INVOKE, "upgrade-model", {"arguments": {"canary": 1}})
    events, torn = read(tmp_path / "h")
    assert (events, torn) == ([made], 0)
    assert (tmp_path / "h").stat().st_mode & 0o777 == 0o600
    assert made.process.startswith("me-")


def test_torn_lines_are_counted_and_left_out(tmp_path: Path) -> None:
    path = tmp_path / "h"
    Recorder(path, "me").observe("one", 1)
    with path.open("a") as file:
        file.write('{"function": "half\n\n[]\n{"type": "nonsense"}\n')
    Recorder(path, "me").observe("two", 2)
    events, torn = read(path)
    assert [found.function for found in events] == ["one", "two"]
    assert torn == 3
    assert parse_line("null") is None


def test_many_writers_share_a_file(tmp_path: Path) -> None:
    def write(name: str) -> None:
        mine = Recorder(tmp_path / "h", name)
        for number in range(200):
            mine.observe("seen", {"number": number, "text": "x" * 500})

    threads = [threading.Thread(target=write, args=(f"w{number}",)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events, torn = read(tmp_path / "h")
    assert (len(events), torn) == (1000, 0)


def test_who_is_killed_leaves_an_unknown_end(tmp_path: Path) -> None:
    path = tmp_path / "h"
    program = (
        "import os, signal, sys; from pathlib import Path; from jujulab.history.recorder import Recorder\n"
        "with Recorder(Path(sys.argv[1]), 'victim').operation('upgrade-model'): os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    events, torn = read(path)
    assert torn == 0
    (done,) = operations(events)
    assert (done.outcome, done.finished) == (Kind.UNKNOWN, float("inf"))


def test_a_history_that_cannot_be_written_hinders_nobody(tmp_path: Path) -> None:
    with Recorder(tmp_path / "no" / "such" / "place", "me").operation("fault"):
        pass
    assert not (tmp_path / "no").exists()


def test_a_line_that_a_full_disk_cut_does_not_take_the_next_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, write = Recorder(tmp_path / "h", "me"), os.write
    monkeypatch.setattr(recorder.os, "write", lambda handle, data: write(handle, data[:20]))
    mine.observe("cut", 1)
    monkeypatch.undo()
    mine.observe("whole", 2)
    events, torn = read(tmp_path / "h")
    assert ([found.function for found in events], torn) == (["whole"], 1)


def test_there_is_no_history(tmp_path: Path) -> None:
    with pytest.raises(JujulabError, match="there is no history"):
        read(tmp_path / "h")


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (UsageError("no"), Kind.FAIL),
        (RpcError("no", "operation is blocked"), Kind.FAIL),
        (UpgradeFailedError("2 machines failed"), Kind.OK),
        (ConnectionLost("gone"), Kind.UNKNOWN),
        (DeadlineError("late"), Kind.UNKNOWN),
        (JujulabError("half done"), Kind.UNKNOWN),
        (KeyboardInterrupt(), Kind.UNKNOWN),
    ],
)
def test_an_end_is_read_from_its_exception(error: BaseException, outcome: Kind, tmp_path: Path) -> None:
    assert outcome_of(error) is outcome
    with pytest.raises(type(error)), Recorder(tmp_path / "h", "me").operation("publish"):
        raise error
    (done,) = operations(read(tmp_path / "h")[0])
    assert done.outcome is outcome


def test_operations_of_one_process_pair_up_and_of_others_do_not_mix() -> None:
    def at(number: float, process: str, kind: Kind) -> Event:
        return Event(number, number, process, kind, "f")

    found = operations(
        [
            at(0, "a", Kind.INVOKE),
            at(1, "b", Kind.INVOKE),
            at(2, "a", Kind.OK),
            at(3, "b", Kind.FAIL),
            at(4, "b", Kind.OK),
        ]
    )
    assert [(one.invoke.process, one.outcome, one.finished) for one in found] == [
        ("a", Kind.OK, 2),
        ("b", Kind.FAIL, 3),
    ]


# Commands.


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("JUJU_MODEL", "JUJU_CONTROLLER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JUJULAB_DATA", str(tmp_path))
    store = Store(tmp_path)
    store.add_controller("aws", "u", ["127.0.0.1:1"], "", "docker", "demo", "2.6.4", "admin", "x")
    return store.lab_dir("demo") / event.FILE_NAME


def test_commands_that_change_something_are_recorded_and_others_are_not(lab: Path) -> None:
    with recording.recorded("status", {"model": None}):
        pass
    assert not lab.exists()
    with recording.recorded(
        "add-machine", {"model": "aws:default", "count": 2, "series": None, "constraints": "secret"}
    ):
        pass
    with pytest.raises(Exit), recording.recorded("upgrade-model", {"model": None, "agent_version": "2.6.10"}):
        raise Exit(1)
    added, refused = operations(read(lab)[0])
    assert (added.outcome, added.invoke.value) == (Kind.OK, {"arguments": {"count": 2, "model": "aws:default"}})
    assert refused.outcome is Kind.FAIL


def test_a_command_for_a_lab_that_is_not_there_records_nothing(lab: Path) -> None:
    with recording.recorded("stop", {"lab": "other"}), recording.recorded("publish", {"controller": "nowhere"}):
        pass
    with recording.recorded("start", {"lab": None}):
        pass
    assert [one.invoke.function for one in operations(read(lab)[0])] == ["start"]


def test_the_recorded_commands_are_commands() -> None:
    assert catalogue.COMMANDS.keys() >= recording.COMMANDS


def test_the_whole_program_records(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["add-machine", "-n", "2"]) == 1
    (done,) = operations(read(lab)[0])
    assert (done.invoke.function, done.invoke.value["arguments"]) == ("add-machine", {"count": 2})
    assert capsys.readouterr().err.startswith("ERROR ")


def test_check_history_says_what_it_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.unit.histories import damaged, good

    path, mine = tmp_path / "h", Recorder(tmp_path / "h", "me")
    for found in good():
        mine.write(found)
    assert main.run(["check-history", str(path)]) == 0
    assert capsys.readouterr().out.count(" holds ") == 9
    path.unlink()
    for found in damaged(good(), len(good()) - 1, lambda value: value.update(records=[])):
        mine.write(found)
    assert main.run(["check-history", str(path), "--format", "json"]) == 1
    said = capsys.readouterr()
    assert '"holds":false' in said.out
    assert "ERROR invariant 9 (records-last) is violated: the record of upgrade 1 is gone" in said.err
    assert main.run(["check-history", str(path), "--lab", "demo"]) == 2
    assert main.run(["check-history", str(tmp_path / "none")]) == 1
