"""What an operator sees of a lab: status in every moment, logs, and the commands around them."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from docker import DockerClient

from tests.e2e import support
from tests.e2e.support import Lab, run

pytestmark = pytest.mark.e2e

NAME = "e2e-surface"


@pytest.fixture(scope="module")
def lab(engine: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab of a controller and two machines with a unit each."""
    flags = ("--name", NAME, "--controller", NAME, "--machines", "2", "--units", "2")
    with support.lab(engine, tmp_path_factory.mktemp("data"), NAME, NAME, *flags) as made:
        yield made


def until(lab: Lab, what: str, condition: Callable[[Any], bool], model: str = "default", seconds: float = 60) -> Any:
    """Waits until the model's status is as wanted; fails the test with the status there is."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not condition(status := lab.status(model)):
        assert time.monotonic() < deadline, f"not {what} after {seconds} s: {json.dumps(status, indent=1)}"
        pause.wait(0.3)
    return status


def message(status: Any, machine: str) -> str:
    return str(status["machines"][machine]["juju-status"].get("message", ""))


def test_all_of_a_minor_version_is_published_and_the_newest_is_chosen(lab: Lab) -> None:
    begin = time.monotonic()
    published = lab.juju("publish", "--all", "2.6").stdout.splitlines()
    assert time.monotonic() - begin < 30
    assert len(published) == 1 + 9 * 3
    assert "best version:\n    2.6.10" in lab.juju("upgrade-controller", "--dry-run").stderr


def test_a_newer_patch_is_told_of_soon_after_a_start(lab: Lab) -> None:
    run(lab.container("controller"), "systemctl restart jujud-controller")
    status = until(lab, "told", lambda status: "upgrade-available" in status["model"])
    assert status["model"]["upgrade-available"] == "2.6.10"
    assert "upgrade available: 2.6.10" in lab.juju("status").stdout


def test_every_form_of_status_tells_of_the_same_model(lab: Lab) -> None:
    table = lab.juju("status", "--relations").stdout
    titles = [line.split()[0] for line in table.splitlines() if line and line.split()[0] in "Model App Unit Machine"]
    assert titles == ["Model", "App", "Unit", "Machine"]
    tree = lab.status()
    assert set(yaml.safe_load(lab.juju("status", "--format", "yaml").stdout)) == set(tree)
    assert list(tree) == ["model", "machines", "applications", "controller"]
    oneline = lab.juju("status", "--format", "oneline").stdout
    assert oneline.startswith("\n- ubuntu/0: ")
    assert "(agent:idle, workload:active)" in oneline
    assert "# Machines:  (2)" in " ".join(lab.juju("status", "--format", "summary").stdout.split(" ")).replace(
        "   ", "  "
    )


def test_a_command_runs_on_one_and_on_several(lab: Lab) -> None:
    assert lab.juju("run", "--machine", "1", "id", "-un").stdout == "root\n"
    assert lab.juju("run", "-u", "ubuntu/0", "--", "exit 7", expect=7).stdout == ""
    several = yaml.safe_load(lab.juju("exec", "-a", "ubuntu", "hostname").stdout)
    assert [(entry["UnitId"], entry["MachineId"]) for entry in several] == [("ubuntu/0", "0"), ("ubuntu/1", "1")]
    assert all(entry["Stdout"].startswith("juju-") for entry in several)
    assert len(json.loads(lab.juju("run", "--all", "--format", "json", "true").stdout)) == 2


def test_a_step_that_fails_is_seen_until_somebody_repairs_it(lab: Lab) -> None:
    lab.juju("upgrade-controller", "--agent-version", "2.6.10", "--wait")
    assert lab.status("controller")["model"]["model-status"]["message"].startswith('upgraded on "')
    wrench = "/var/lib/juju/wrench"
    thrown = f"install -d {wrench} && printf 'fail-upgrade\\nshort-upgrade-timeout\\n' > {wrench}/machine-agent"
    run(lab.machine(1), thrown)
    lab.juju("upgrade-model", "--agent-version", "2.6.10")
    text = "upgrade to 2.6.10 failed ({}): wrench"
    status = until(lab, "retrying", lambda status: message(status, "1") == text.format("will retry"))
    assert status["model"]["version"] == "2.6.10"
    assert "upgrade-available" not in status["model"]
    assert status["machines"]["1"]["juju-status"]["current"] == "error"
    status = until(lab, "given up", lambda status: message(status, "1") == text.format("giving up"))
    assert status["machines"]["0"]["juju-status"]["current"] == "started"
    assert lab.juju("status").stdout.count("error") == 1
    history = lab.juju("show-status-log", "1", "--type", "juju-machine").stdout
    assert history.index("upgrading to 2.6.10") < history.index("will retry") < history.index("giving up")

    run(lab.machine(1), f"rm {wrench}/machine-agent && systemctl restart jujud-machine-1")
    until(lab, "repaired", lambda status: message(status, "1") == "")
    assert set(lab.versions().values()) == {"2.6.10"}
    conf = run(lab.machine(1), "grep upgradedToVersion /var/lib/juju/agents/machine-1/agent.conf")
    assert conf.split()[1].strip('"') == "2.6.10"


def test_the_other_wrenches(lab: Lab) -> None:
    def throw(*features: str) -> None:
        lines = "".join(f"{feature}\\n" for feature in features)
        run(
            lab.machine(0),
            f"printf '{lines}' > /var/lib/juju/wrench/machine-agent && systemctl restart jujud-machine-0",
        )

    run(lab.machine(0), "install -d /var/lib/juju/wrench")
    throw("always-try-upgrade", "fail-upgrade-start")
    until(lab, "held up", lambda status: message(status, "0") == "upgrading to 2.6.10")
    throw("always-try-upgrade")
    until(lab, "upgraded again", lambda status: message(status, "0") == "")
    assert 'starting upgrade from 2.6.10 to 2.6.10 for "machine-0"' in run(
        lab.machine(0), "cat /var/log/juju/machine-0.log"
    )
    run(lab.machine(0), "rm -r /var/lib/juju/wrench && systemctl restart jujud-machine-0")
    until(lab, "as before", lambda status: status["machines"]["0"]["juju-status"]["current"] == "started")


def test_the_wrenches_of_a_units_agent(lab: Lab) -> None:
    machine, wrench = lab.machine(0), "/var/lib/juju/wrench"

    def throw(*features: str) -> None:
        lines = "".join(f"{feature}\\n" for feature in features)
        run(machine, f"install -d {wrench} && printf '{lines}' > {wrench}/unit-agent")
        run(machine, "systemctl restart jujud-unit-ubuntu-0")

    def agent(status: Any) -> tuple[str, str]:
        found = status["applications"]["ubuntu"]["units"]["ubuntu/0"]["juju-status"]
        return found["current"], found.get("message", "")

    throw("always-try-upgrade", "fail-upgrade-start")
    until(lab, "held up", lambda status: agent(status) == ("executing", "upgrading to 2.6.10"))
    throw("always-try-upgrade", "fail-upgrade", "short-upgrade-timeout")
    gave_up = ("error", "upgrade to 2.6.10 failed (giving up): wrench")
    status = until(lab, "given up", lambda status: agent(status) == gave_up)
    # Its machine and its workload have nothing to do with it.
    assert status["machines"]["0"]["juju-status"]["current"] == "started"
    assert status["applications"]["ubuntu"]["units"]["ubuntu/0"]["workload-status"]["current"] == "active"
    run(machine, f"rm -r {wrench} && systemctl restart jujud-unit-ubuntu-0")
    until(lab, "as before", lambda status: agent(status) == ("idle", ""))


def test_status_is_shown_again_and_again(lab: Lab) -> None:
    with lab.juju.start("status", "--watch", "200ms", "--format", "oneline") as process:
        assert process.stdout is not None
        shown = [line for line, _ in zip(process.stdout, range(6), strict=False)]
        process.send_signal(signal.SIGINT)
        assert process.stdout.read().endswith("interrupted\n")
        assert process.wait(30) == 130
    assert len([line for line in shown if line.startswith("- ubuntu/0: ")]) == 2


def test_the_log_is_filtered(lab: Lab) -> None:
    def lines(*flags: str) -> list[str]:
        return lab.juju("debug-log", "--replay", "--no-tail", *flags).stdout.splitlines()

    steps = lines("-i", "1", "--include-module", "juju.worker.upgradesteps", "-l", "ERROR")
    assert len(steps) == 5
    assert all(line.startswith("machine-1: ") and " ERROR juju.worker.upgradesteps " in line for line in steps)
    assert len(lines("--limit", "3")) == 3
    assert not any(line.startswith("machine-1:") for line in lines("-x", "machine-1"))
    assert not any("juju.worker." in line for line in lines("--exclude-module", "juju.worker"))


def test_agents_that_are_gone_are_down_and_lost(lab: Lab) -> None:
    machine = lab.machine(1)
    run(machine, "systemctl stop jujud-machine-1 jujud-unit-ubuntu-1")
    gone = "agent is not communicating with the server"
    status = until(lab, "down", lambda status: status["machines"]["1"]["juju-status"]["current"] == "down")
    assert message(status, "1") == gone
    status = until(
        lab,
        "lost",
        lambda status: status["applications"]["ubuntu"]["units"]["ubuntu/1"]["juju-status"]["current"] == "lost",
    )
    unit = status["applications"]["ubuntu"]["units"]["ubuntu/1"]
    assert unit["juju-status"]["message"] == gone
    assert unit["workload-status"]["current"] == "unknown"
    assert unit["workload-status"]["message"] == "agent lost, see 'juju show-status-log ubuntu/1'"
    assert status["machines"]["0"]["juju-status"]["current"] == "started"
    run(machine, "systemctl start jujud-machine-1 jujud-unit-ubuntu-1")
    until(lab, "back", lambda status: status["machines"]["1"]["juju-status"]["current"] == "started")
