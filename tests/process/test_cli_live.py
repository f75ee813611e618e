"""The commands against a real controller's process, see :mod:`tests.support.live_lab`."""

from __future__ import annotations

import io
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from jujulab.store import Store
from jujulab_core.waiting import Deadline, wait_for
from tests.support.controller_process import Streams
from tests.support.live_lab import WAIT_SECONDS, Lab, live


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Streams]:
    made = Streams(tmp_path_factory.mktemp("internet") / "www")
    made.publish(*(f"{version}-bionic-amd64" for version in ("2.6.4", "2.6.10", "2.7.8")))
    yield made
    made.close()


@pytest.fixture
def lab(
    streams: Streams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Lab]:
    with live(streams, tmp_path, monkeypatch, capsys) as made:
        yield made


def test_a_models_life(lab: Lab) -> None:
    assert lab.run("add-model default").err == "Added 'default' model on docker/test for user 'admin'\n"
    assert lab.run("add-machine -n 2").err == "created machine 0\ncreated machine 1\n"
    assert (
        'Located charm "cs:ubuntu-1".\nDeploying charm "cs:ubuntu-1".\n' in lab.run("deploy ubuntu -n 2 --to 0,1").err
    )

    tree = json.loads(lab.ok("status --format json"))
    assert (tree["model"]["name"], tree["model"]["controller"], tree["model"]["version"]) == ("default", "aws", "2.6.4")
    assert {name: unit["machine"] for name, unit in tree["applications"]["ubuntu"]["units"].items()} == {
        "ubuntu/0": "0",
        "ubuntu/1": "1",
    }
    assert [line.split()[0] for line in lab.ok("models").splitlines()[3:]] == ["controller", "default*"]
    assert json.loads(lab.ok("show-model --format json"))["default"]["agent-version"] == "2.6.4"

    assert lab.run("remove-machine 1").err == (
        'ERROR machine 1 has unit "ubuntu/1" assigned (machine has assigned units)\n'
    )
    assert lab.run("remove-unit ubuntu/1 ubuntu/9") == (
        1,
        "",
        'removing unit ubuntu/1\nERROR unit "ubuntu/9" not found\n',
    )
    before = lab.provisioned
    assert lab.run("remove-machine 1 99") == (1, "", "removing machine 1\nERROR machine 99 not found\n")
    assert lab.provisioned == before + 1
    assert lab.run("remove-application ubuntu haproxy") == (
        1,
        "",
        'removing application ubuntu\nERROR application "haproxy" not found\n',
    )
    assert lab.run("status nothing").err == "Nothing matched specified filters.\n"
    assert lab.run("destroy-model default -y").err.endswith("Model destroyed.\n")
    assert lab.run("status").err.startswith("ERROR No model in focus.")
    assert lab.run("status -m default").err.startswith("ERROR model aws:admin/default not found\n")


def test_configuration_and_blocks(lab: Lab) -> None:
    lab.ok("add-model default")
    assert lab.run("status").err == 'Model "default" is empty.\n'
    assert lab.ok("model-config agent-version") == "2.6.4\n"
    assert json.loads(lab.ok("model-config --format json agent-version")) == {
        "agent-version": {"Value": "2.6.4", "Source": "model"}
    }
    lab.ok("model-config agent-stream=proposed")
    assert lab.ok("model-config agent-stream") == "proposed\n"
    lab.ok("model-config --reset agent-stream")
    assert lab.ok("model-config agent-stream") == "released\n"
    assert lab.run("model-config rollout-batch=25%") == (0, "", "")
    assert "possible misspelling" in lab.run("model-config rollout-bach=25%").err
    lab.ok("set-model-constraints arch=amd64 mem=4G")
    assert lab.ok("model-constraints") == "arch=amd64 mem=4096M\n"
    assert lab.run("set-model-constraints foo=1") == (2, "", 'ERROR unknown constraint "foo"\n')
    assert lab.run("model-config nope") == (1, "", 'ERROR key "nope" not found in "default" model.\n')

    assert lab.run("disabled-commands").err == "No commands are currently disabled.\n"
    lab.ok("disable-command all frozen")
    assert lab.ok("disabled-commands").splitlines()[1].split() == ["all", "frozen"]
    for line in ("add-machine", "upgrade-model --agent-version 2.6.4", "add-machine -q"):
        done = lab.run(line)
        if "upgrade" in line:
            assert done == (0, "", "no upgrades available\n")
        else:
            assert done.code == 1
            assert done.err.startswith(
                "ERROR frozen (operation is blocked)\nAll operations that change model have been"
            )
    lab.ok("enable-command all")
    lab.ok("add-machine")


def test_an_upgrade_that_is_waited_for_through_the_controllers_death(lab: Lab) -> None:
    def orchestrate() -> None:
        lab.record({"machine-0": ("restarting", "")})
        lab.controller.kill()
        lab.controller.start("2.6.10")
        lab.zero = lab.controller.machine_zero()
        lab.report_zero("2.6.10")
        lab.record({"machine-0": ("done", "")}, "complete")

    thread = threading.Thread(target=orchestrate)
    thread.start()
    done = lab.run(f"upgrade-controller --agent-version 2.6.10 --wait --timeout {WAIT_SECONDS}s")
    thread.join(WAIT_SECONDS)
    assert done.code == 0, done
    assert done.out == "started upgrade to 2.6.10\n"
    assert done.err.startswith("best version:\n    2.6.10\n")
    assert "upgraded controller from 2.6.4 to 2.6.10: 1 machine, 1 agent" in done.err
    assert lab.run("upgrade-controller --agent-version 2.6.10 --wait") == (0, "", "no upgrades available\n")
    assert Store.default().controllers()["aws"].agent_version == "2.6.10"


def test_an_upgrade_that_fails_ends_with_4_and_names_the_machine(lab: Lab) -> None:
    lab.ok("add-model default")
    refused = lab.run("upgrade-model --agent-version 2.6.10")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err == (
        "best version:\n    2.6.10\n"
        "ERROR model cannot be upgraded to 2.6.10 while the controller is 2.6.4: upgrade 'controller' model first\n"
    )
    lab.ok("upgrade-controller --agent-version 2.6.10 --max-failures 0")
    why = "jujud-machine-0 ended with status 1"
    lab.record({"machine-0": ("rolled-back", why)}, "failed", "stop rule: 1 machine failed, 0 are borne")
    done = lab.run(f"show-upgrade --watch --timeout {WAIT_SECONDS}s")
    assert done.code == 4
    assert "ERROR upgrade 1 of model controller to 2.6.10 failed: stop rule: 1 machine failed, 0 are borne" in done.err
    assert f"  machine-0: rolled-back: {why}\nNext: " in done.err
    assert json.loads(lab.ok("upgrades --format json"))["upgrades"][0]["status"] == "failed"


def test_a_wait_has_an_end(lab: Lab) -> None:
    done = lab.run("upgrade-controller --agent-version 2.6.10 --wait --timeout 1s")
    assert done.code == 5
    assert "ERROR gave up after 1 s, waiting for upgrade 1 to end\nNext: the upgrade goes on" in done.err
    assert lab.ok("show-upgrade").startswith("Upgrade:   1\nModel:     controller\nVersion:   2.6.4 -> 2.6.10\n")


@pytest.mark.parametrize(("answer", "code"), [("", 1), ("n\n", 1), ("YES\n", 1)])
def test_the_question_before_a_record_is_cleared(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    lab.ok("upgrade-controller --agent-version 2.6.10")
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    done = lab.run("upgrade-model -m controller --agent-version 2.7.8 --reset-previous-upgrade")
    assert done.code == code
    assert done.out == (
        "\nWARNING! using --reset-previous-upgrade when an upgrade is in progress\n"
        "will cause the upgrade to fail. Only use this option to clear an\n"
        "incomplete upgrade where the root cause has been resolved.\n\nContinue [y/N]? "
    )
    declined = "ERROR previous upgrade not reset and no new upgrade triggered\n"
    behind = (
        "ERROR some agents have not upgraded to the current model version 2.6.10: machine-0\n"
        "Next: `jujulab retry-upgrade --id 1` tries them again; --ignore-agent-versions goes on without them\n"
    )
    assert done.err.endswith(behind if answer == "YES\n" else declined)


def test_the_log(lab: Lab) -> None:
    entry = {"level": "INFO", "module": "juju.worker.upgrader", "location": "upgrader.go:1", "message": "hello"}
    lab.zero.call("LabAgent", "Log", {"entries": [entry | {"ts": "2026-01-02T15:04:05.5Z"}]})
    line = "machine-0: 15:04:05 INFO juju.worker.upgrader hello\n"

    def probe() -> tuple[bool | None, str]:
        shown = lab.ok("debug-log -m controller --replay --no-tail --utc --include-module juju.worker.upgrader")
        return (True if shown == line else None), "the log's line"

    wait_for(probe, Deadline(WAIT_SECONDS))


@pytest.mark.parametrize(
    ("block", "command", "text"),
    [
        ("all", "destroy-model default -y", "All operations that change model have been disabled"),
        ("remove-object", "destroy-model default -y", "All operations that remove machines, applications, units or"),
        ("remove-object", "remove-machine 0", "All operations that remove machines, applications, units or"),
        ("destroy-model", "destroy-model default -y", "destroy-model operation has been disabled"),
    ],
)
def test_a_block_says_how_it_is_lifted(lab: Lab, block: str, command: str, text: str) -> None:
    lab.ok("add-model default")
    lab.ok("add-machine")
    lab.ok(f"disable-command {block} frozen")
    done = lab.run(command)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"ERROR frozen (operation is blocked)\n{text}")
    assert f"\n    juju enable-command {block}\n" in done.err
    lab.ok(f"enable-command {block}")
    assert lab.run(command).code == 0


def test_what_is_copied_to_a_blocked_model_is_refused(lab: Lab, streams: Streams, tmp_path: Path) -> None:
    (tmp_path / "tools").symlink_to(streams.directory)
    lab.ok("add-model default")
    lab.ok("disable-command all frozen")
    done = lab.run(f"sync-agent-binaries --version 2.7 --source {tmp_path}")
    assert done.code == 1
    assert "\nERROR frozen (operation is blocked)\nAll operations that change model have been disabled" in done.err
    assert "\n    juju enable-command all\n" in done.err


def test_a_relation_of_two_principals_has_two_ends(lab: Lab) -> None:
    lab.ok("add-model default")
    lab.ok("deploy ubuntu wordpress")
    lab.ok("deploy ubuntu mysql")
    lab.ok("add-relation wordpress mysql")
    (row,) = lab.ok("status --relations").split("Relation provider")[1].splitlines()[1:2]
    assert row.split() == ["wordpress:juju-info", "mysql:juju-info", "juju-info", "regular"]
    assert lab.run("add-relation mysql wordpress").err.startswith("ERROR cannot add relation")
