"""The commands that control upgrades, against a controller's process that runs a newer version than its model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.controller_process import Streams
from tests.support.live_lab import Lab, live


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Streams]:
    made = Streams(tmp_path_factory.mktemp("internet") / "www")
    made.publish(*(f"{version}-bionic-amd64" for version in ("2.6.4", "2.6.10")))
    yield made
    made.close()


@pytest.fixture
def lab(
    streams: Streams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Lab]:
    with live(streams, tmp_path, monkeypatch, capsys, "2.6.10") as made:
        made.ok("add-model default --config agent-version=2.6.4")
        yield made


def test_an_upgrade_that_is_not_there(lab: Lab) -> None:
    nothing = "ERROR model default has no upgrades\nNext: start one with `jujulab upgrade-model`, or name another"
    for line in ("show-upgrade -m default", "pause-upgrade", "retry-upgrade"):
        assert lab.run(line).err.startswith(nothing)
    assert lab.run("show-upgrade").err.endswith("Next: start one with `jujulab upgrade-controller`\n")
    for line in ("show-upgrade 5", "show-upgrade 5 --watch", "retry-upgrade --id 5", "abort-upgrade 5"):
        done = lab.run(line)
        assert (done.code, done.err) == (
            1,
            "ERROR upgrade 5 not found (not found)\nNext: see those there are: `jujulab upgrades`\n",
        )


def test_a_model_that_is_back_is_not_put_back_again(lab: Lab) -> None:
    lab.ok("upgrade-model --agent-version 2.6.10")
    assert lab.run("abort-upgrade --rollback").err == (
        "Putting model default back from 2.6.10 to 2.6.4: no machines.\n"
        "Follow it with: jujulab show-upgrade 1 --watch\n"
    )
    lab.record({}, "aborted", "rolled back to 2.6.4: 0 of 0 machines")
    back = "Model default is back at 2.6.4: nothing is to be put back: no machines.\n"
    assert lab.run("abort-upgrade --rollback") == (0, "", back)
    done = lab.run("abort-upgrade --rollback --wait")
    assert (done.code, done.err.splitlines()[0] + "\n") == (0, back)
    # Who waits for the upgrade is told that it was not to be.
    watched = lab.run("show-upgrade --watch")
    assert watched.code == 4
    assert watched.err == (
        "ERROR upgrade 1 of model default to 2.6.10 was undone: model default is back at 2.6.4: "
        "0 machines put back, 0 never left it; 2.6.10 is quarantined\n"
        "Next: start anew with `jujulab upgrade-model -m default --agent-version 2.6.10 --lift-quarantine`\n"
    )


def test_an_abort_that_is_asked_for_twice(lab: Lab) -> None:
    lab.ok("upgrade-model --agent-version 2.6.10")
    title = "upgrade 1 of model default to 2.6.10: no machines.\n"
    assert lab.run("abort-upgrade").err.startswith(f"Aborting: {title}")
    lab.record({}, "aborted", "aborted with 0 of 0 machines on 2.6.10")
    assert lab.run("abort-upgrade") == (0, "", f"Aborted already: {title}")


def test_an_abort_of_one_that_has_failed_says_what_it_changes(lab: Lab) -> None:
    lab.ok("upgrade-model --agent-version 2.6.10")
    lab.record({}, "failed", "1 of 1 machine failed: machine 0")
    title = "upgrade 1 of model default to 2.6.10: no machines.\n"
    assert lab.run("abort-upgrade") == (0, "", f"Aborted, so that machines that come back are left alone: {title}")
    assert lab.run("abort-upgrade") == (0, "", f"Aborted already: {title}")
    assert lab.run("retry-upgrade").err.startswith("ERROR no machine of upgrade 1 of model default to 2.6.10 has")
