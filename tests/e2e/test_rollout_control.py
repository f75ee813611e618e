"""People take a hand in upgrades: pause, resume, accept, abort, roll back, retry; quarantine; following them."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from docker import DockerClient

from jujulab_core.waiting import Deadline, wait_for
from tests.e2e import support
from tests.e2e.support import PROGRAM, Lab, run

pytestmark = pytest.mark.e2e

LAB = "e2e-roll"
FILE = f"""
lab: {LAB}
controller: {{name: {LAB}, agent-version: 2.7.0}}
streams:
  released: [2.6.4, 2.6.5, 2.6.10, 2.7.0]
models:
  default:
    agent-version: 2.6.4
    machines: 4
    applications:
      ubuntu: {{units: 4}}
"""
WAITING = {"pending", "staging", "staged"}
SECONDS = 120


@pytest.fixture(scope="module")
def lab(engine: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A controller at 2.7.0 and a model of four machines at 2.6.4."""
    made = tmp_path_factory.mktemp("lab")
    (made / "lab.yaml").write_text(FILE)
    with support.lab(engine, made / "data", LAB, LAB, str(made / "lab.yaml")) as up:
        # A lab is up when its agents have logged in; a unit starts its workload after that.
        wait_for(lambda: _workloads_run(up), Deadline(SECONDS), 0.5)
        yield up


def _workloads_run(lab: Lab) -> tuple[bool | None, str]:
    idle = [name for name, said in lab.workloads().items() if "MainPID=" not in said or "MainPID=0 " in said]
    return (None, f"the workloads of {', '.join(idle)}") if idle else (True, "")


def upgrade_when(lab: Lab, old: int, holds: Callable[[list[str]], bool], what: str) -> dict[str, Any]:
    """The model's upgrade behind number `old`, as soon as the phases of its machines are so."""

    def probe() -> tuple[dict[str, Any] | None, str]:
        listed = lab.juju.json("upgrades", "-m", "default")["upgrades"]
        if not listed or listed[0]["id"] <= old:
            return None, "an upgrade to begin"
        record = lab.juju.json("show-upgrade", str(listed[0]["id"]))
        found = phases(record)
        return (record if holds(found) else None), f"{what}: {found}"

    return wait_for(probe, Deadline(SECONDS), 0.2)


def newest(lab: Lab) -> int:
    return max([entry["id"] for entry in lab.juju.json("upgrades")["upgrades"]], default=0)


def phases(record: dict[str, Any]) -> list[str]:
    return [machine["agents"][0]["phase"] for machine in record["machines"]]


def versions(lab: Lab) -> set[str]:
    return set(lab.versions().values())


def test_a_pause_holds_back_all_who_wait_and_both_watchers_see_the_end(lab: Lab) -> None:
    before = lab.workloads()
    upgrade = ("upgrade-model", "--agent-version", "2.6.5", "--canary", "1", "--health-time", "5s")
    following = lab.juju.start(*upgrade, "--wait")
    upgrade_when(lab, 0, lambda found: found[0] not in WAITING, "the canary to begin")
    assert "Let it go on with: jujulab resume-upgrade" in lab.juju("pause-upgrade").stderr
    record = upgrade_when(lab, 0, lambda found: found[0] == "done", "the canary to end")
    assert record["status"] == "paused"
    assert record["reason"] == "paused by admin"
    assert set(phases(record)[1:]) <= WAITING
    assert {agent["owner"] for machine in record["machines"][1:] for agent in machine["agents"]} == {"human"}
    assert versions(lab) == {"2.6.4", "2.6.5"}
    note = f"Upgrade {record['id']} to 2.6.5 is paused by admin: 1/4 machines are done."
    assert note in lab.juju("status").stderr

    master, slave = pty.openpty()
    environment = {**os.environ, "JUJULAB_DATA": str(lab.juju.data), "TERM": "xterm", "COLUMNS": "120", "LINES": "40"}
    with subprocess.Popen(
        [PROGRAM, "show-upgrade", "--watch"], env=environment, stdin=slave, stdout=slave, stderr=slave
    ) as on_terminal:
        os.close(slave)
        screen = bytearray(os.read(master, 4096))
        lab.juju("resume-upgrade")
        screen += read_all(master)
        assert on_terminal.wait(SECONDS) == 0
    os.close(master)
    text = screen.decode()
    assert f"Upgrade {record['id']} of default: 2.6.4 -> 2.6.5" in text
    assert "Due in" in text
    assert "ubuntu/3" in text
    assert "upgraded default from 2.6.4 to 2.6.5: 4 machines, 8 agents" in text

    said, _ = following.communicate(timeout=SECONDS)
    assert following.returncode == 0, said
    assert "/4] paused by admin\n" in said
    assert "[4/4] complete\n" in said
    piped = lab.juju("show-upgrade", "--watch").stdout
    assert f"upgrade {record['id']} of model default: 2.6.4 -> 2.6.5, machines 0-3; canary 1, health-time 5 s" in piped
    assert "Status:    complete" in piped

    history = lab.juju.json("show-upgrade")
    paused, resumed = (
        next(entry["time"] for entry in history["history"] if entry["status"] == status and entry["time"] > since)
        for status, since in (("paused", ""), ("running", record["history"][-1]["time"]))
    )
    swaps = [
        entry["time"]
        for machine in history["machines"]
        for agent in machine["agents"]
        for entry in agent["history"]
        if entry["phase"] == "swapping"
    ]
    assert len(swaps) == 8
    assert [moment for moment in swaps if paused < moment < resumed] == []
    assert versions(lab) == {"2.6.5"}
    assert lab.workloads() == before


def read_all(terminal: int) -> bytes:
    """What a terminal shows until nobody writes to it any more."""
    shown = bytearray()
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:
            return bytes(shown)
        if not part:
            return bytes(shown)
        shown += part


def test_a_half_done_upgrade_is_undone_and_its_version_stays_away_until_it_is_let_in(lab: Lab) -> None:
    before, old = lab.workloads(), newest(lab)
    # The second half stays in its health time for long enough to be found in it.
    following = lab.juju.start(
        "upgrade-model", "--agent-version", "2.6.10", "--batch", "2", "--health-time", "8s", "--wait"
    )
    record = upgrade_when(lab, old, lambda found: "done" in found, "half of it to be done")
    following.send_signal(signal.SIGINT)
    said, _ = following.communicate(timeout=SECONDS)
    assert following.returncode == 130, said
    assert f"The upgrade goes on. Follow it again with: jujulab show-upgrade {record['id']} --watch" in said
    assert lab.status()["model"]["version"] == "2.6.10"

    done = lab.juju("abort-upgrade", "--rollback", "--wait")
    assert "model default is back at 2.6.5: " in done.stderr
    record = lab.juju.json("show-upgrade")
    assert record["status"] == "aborted"
    assert set(phases(record)) <= {"rolled-back", "skipped"}
    assert lab.status()["model"]["version"] == "2.6.5"
    assert versions(lab) == {"2.6.5"}
    assert lab.workloads() == before

    refused = lab.juju("upgrade-model", "--agent-version", "2.6.10", expect=1).stderr
    assert f"ERROR version 2.6.10 is quarantined for model default: upgrade {record['id']} was rolled back (" in refused
    assert "--agent-version 2.6.10 --lift-quarantine`" in refused
    assert (
        "left out, because model default was rolled back from it: 2.6.10"
        in lab.juju("upgrade-model", "--dry-run").stderr
    )
    again = lab.juju("abort-upgrade", "--rollback")
    assert "Model default is back at 2.6.5: nothing is to be put back" in again.stderr
    lab.juju("upgrade-model", "--agent-version", "2.6.10", "--lift-quarantine", "--wait")
    assert versions(lab) == {"2.6.10"}
    assert lab.workloads() == before


def test_a_bad_release_stops_at_the_canary_and_is_quarantined(lab: Lab) -> None:
    lab.juju("publish", "2.6.11", "--defect", "crash-on-start")
    before = lab.workloads()
    ended = lab.juju("upgrade-model", "--agent-version", "2.6.11", "--canary", "1", "--wait", expect=4)
    assert "Next: `jujulab show-upgrade" in ended.stderr
    record = lab.juju.json("show-upgrade")
    assert phases(record) == ["rolled-back", "skipped", "skipped", "skipped"]
    assert versions(lab) == {"2.6.10"}
    lab.juju("abort-upgrade", "--rollback", "--wait")
    assert lab.status()["model"]["version"] == "2.6.10"
    refused = lab.juju("upgrade-model", "--agent-version", "2.6.11", expect=1).stderr
    assert "ERROR version 2.6.11 is quarantined for model default" in refused
    assert lab.workloads() == before


def test_checks_find_the_bad_machine_ask_about_the_doubtful_one_and_a_retry_completes(lab: Lab) -> None:
    checks = [
        {"name": "boots", "exec": "test -d /run/systemd/system", "timeout": 20, "on": ["0"]},
        {"name": "web", "http": ":8080/", "on": ["ubuntu"]},
        {"name": "ssh", "tcp": 22, "on": ["0", "3"]},
        {"name": "doubtful", "exec": "no-such-program", "on": ["2"]},
        {"name": "repaired", "exec": "test -e /tmp/repaired", "on": ["3"]},
    ]
    lab.juju("model-config", f"rollout-checks={json.dumps(checks)}")
    before = lab.workloads()
    upgrade = ("upgrade-model", "--agent-version", "2.7.0", "--max-failures", "1")
    asked = lab.juju(*upgrade, "--wait", expect=4).stderr
    assert "is paused: cannot tell whether machine 2 is good: doubtful: it could not be run" in asked
    number = newest(lab)
    assert f"`jujulab resume-upgrade {number} --accept 2` takes it as good" in asked
    lab.juju("resume-upgrade", "--accept", "2")
    ended = lab.juju("show-upgrade", "--watch", expect=4)
    assert "machine-3: rolled-back: repaired: exit 1" in ended.stderr
    record = lab.juju.json("show-upgrade")
    assert (phases(record), record["accepted"]) == (["done", "done", "done", "rolled-back"], ["2"])

    run(lab.machine(3), "touch /tmp/repaired")
    lab.juju("retry-upgrade", "3", "--wait")
    assert lab.juju.json("show-upgrade")["retries"] == {"3": 1}
    assert versions(lab) == {"2.7.0"}
    assert lab.workloads() == before


def test_what_cannot_be_done_is_refused_with_what_can(lab: Lab) -> None:
    number = newest(lab)
    for command, words in (
        ("pause-upgrade", "is over (complete): it cannot be paused"),
        ("resume-upgrade", "is over (complete): it cannot be resumed"),
        ("abort-upgrade", "is over (complete): it cannot be aborted"),
        ("retry-upgrade", "is complete: there is nothing to try again"),
    ):
        said = lab.juju(command, expect=1).stderr
        assert f"ERROR upgrade {number} of model default to 2.7.0 {words}\n" in said
        assert f"Next: `jujulab abort-upgrade {number} --rollback` goes back to 2.6.10" in said or "again" in words
    lower = lab.juju("upgrade-model", "--agent-version", "2.6.10", expect=1).stderr
    assert "cannot change version from 2.7.0 to lower version 2.6.10" in lower
    unknown = lab.juju("pause-upgrade", "99", expect=1).stderr
    assert unknown == "ERROR upgrade 99 not found (not found)\nNext: see those there are: `jujulab upgrades`\n"
    listed = lab.juju("upgrades", "-m", "default").stdout
    assert "4/4" in listed
    assert "max-failures 1" in listed
