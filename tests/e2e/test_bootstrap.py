"""A controller alone: bootstrap, what its status says in each moment of its upgrade, and repairs of what is added."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient

from tests.e2e import support
from tests.e2e.support import Juju, Lab, run

pytestmark = pytest.mark.e2e

LAB = "e2e-boot"
CONTROLLER = "e2e-k1"
WRENCH = "/var/lib/juju/wrench"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def lab(engine: DockerClient, data: Path) -> Iterator[Lab]:
    """A lab that `bootstrap` makes."""
    juju = Juju(data)
    settings = ("--config", "allow-unsigned-metadata=true", "--config", "test-mode=true")
    said = juju("bootstrap", *settings, "--agent-version", "2.6.10", f"docker/{LAB}", CONTROLLER).stderr
    try:
        words = (
            f'Creating Juju controller "{CONTROLLER}" on docker/{LAB}',
            "Looking for packaged Juju agent version 2.6.10 for ",
            f"Launching controller instance(s) on docker/{LAB}...",
            "Installing Juju agent on bootstrap instance",
            "Running machine configuration script...",
            "Bootstrap agent now started\nContacting Juju controller at 127.0.0.1 to verify accessibility...",
            f'Bootstrap complete, controller "{CONTROLLER}" now is available',
            'Controller machines are in the "controller" model\nInitial model "default" added\n',
        )
        assert [said.index(text) for text in words] == sorted(said.index(text) for text in words)
        assert said.endswith(words[-1])
        yield Lab(LAB, CONTROLLER, juju, engine)
    finally:
        juju("down", LAB, "-y")
    assert support.left_behind(engine, LAB) == []


def until(lab: Lab, what: str, condition: Callable[[Any], bool], model: str = "default", seconds: float = 60) -> Any:
    """Waits until the model's status is as wanted; fails the test with the status there is."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not condition(status := lab.status(model)):
        assert time.monotonic() < deadline, f"not {what} after {seconds} s: {json.dumps(status, indent=1)}"
        pause.wait(0.3)
    return status


def test_the_configuration_is_in_force_from_the_start(lab: Lab, data: Path) -> None:
    assert lab.juju("controller-config", "allow-unsigned-metadata").stdout == "true\n"
    assert lab.juju("controller-config", "allow-older-metadata").stdout == "false\n"
    for model in ("controller", "default"):
        assert lab.juju("model-config", "-m", f"{CONTROLLER}:{model}", "test-mode").stdout == "true\n"
    assert lab.juju("switch").stdout == f"{CONTROLLER}:admin/default\n"
    assert f'"{CONTROLLER}" already exists' in lab.juju("bootstrap", "docker", CONTROLLER, expect=2).stderr
    # A lab file says the same, and brings a lab that is there to it.
    file = data / "boot.yaml"
    file.write_text(
        f"lab: {LAB}\n"
        f"controller: {{name: {CONTROLLER}, agent-version: 2.6.10, config: {{allow-older-metadata: true}}}}\n"
    )
    lab.juju("up", str(file))
    assert lab.juju("controller-config", "allow-older-metadata").stdout == "true\n"
    assert lab.juju("controller-config", "allow-unsigned-metadata").stdout == "true\n"


def test_a_machine_that_could_not_be_made_is_made_later(lab: Lab) -> None:
    refused = lab.juju("add-machine", "--series", "xenial", expect=1).stderr
    assert "publish 2.6.10 for series xenial" in refused
    assert lab.status()["machines"]["0"]["juju-status"]["current"] == "pending"
    lab.juju("publish", "2.6.10", "--series", "xenial")
    lab.juju("retry-provisioning", "0")
    until(lab, "made", lambda status: status["machines"]["0"]["juju-status"]["current"] == "started")
    said = lab.juju("retry-provisioning", "0").stderr
    assert said == 'ERROR "machine 0" is not in an error state\n'
    assert lab.juju("retry-provisioning", expect=2).stderr.startswith("ERROR no machine specified\n")


def test_a_hook_that_failed_is_resolved(lab: Lab) -> None:
    def workload(status: Any) -> dict[str, str]:
        found: dict[str, str] = status["applications"]["ubuntu"]["units"]["ubuntu/0"]["workload-status"]
        return found

    machine = lab.machine(0)
    run(machine, "install -d /var/lib/juju/agents/unit-ubuntu-0 && touch /var/lib/juju/agents/unit-ubuntu-0/charm")
    lab.juju("deploy", "ubuntu", "--to", "0", "--series", "xenial")
    status = until(
        lab,
        "failed",
        lambda status: "ubuntu" in status["applications"] and workload(status)["current"] == "error",
    )
    assert workload(status)["message"] == 'hook failed: "install"'
    # The cause is still there: the hook fails again.
    lab.juju("resolved", "ubuntu/0")
    until(lab, "failed again", lambda status: workload(status)["current"] == "error")
    run(machine, "rm /var/lib/juju/agents/unit-ubuntu-0/charm")
    until(lab, "repaired", lambda status: workload(status)["current"] == "active")
    said = lab.juju("resolved", "ubuntu/0", expect=1).stderr
    assert said == 'ERROR unit "ubuntu/0" is not in an error state\n'


def test_the_status_of_a_controller_in_each_moment_of_its_upgrade(lab: Lab) -> None:
    def message(status: Any) -> str:
        return str(status["machines"]["0"]["juju-status"].get("message", ""))

    lab.juju("publish", "2.7.8", "--series", "bionic,xenial")
    controller = lab.container("controller")
    run(controller, f"install -d {WRENCH} && echo watch-upgrade > {WRENCH}/upgrade-database")
    lab.juju("upgrade-controller", "--agent-version", "2.7.8")
    status = until(lab, "held up", lambda status: message(status) != "", "controller")
    assert status["model"]["version"] == "2.7.8"
    assert status["model"]["model-status"]["current"] == "busy"
    assert status["model"]["model-status"]["message"].startswith('upgrade in progress since "')
    failed = "upgrade to 2.7.8 failed (will retry): wrench"
    status = until(lab, "failed", lambda status: message(status) == failed, "controller")
    assert status["machines"]["0"]["juju-status"]["current"] == "error"
    assert status["machines"]["0"]["juju-status"]["version"] == "2.7.8"
    # The API answers all the while, but not everything, and agents of other models have to wait.
    model = ("-m", f"{CONTROLLER}:default")
    assert lab.juju("status", *model).stdout.startswith("Model ")
    said = lab.juju("model-config", *model, "agent-version", expect=1).stderr
    assert said.startswith("ERROR upgrade in progress (upgrade in progress)\n")
    run(controller, f"rm {WRENCH}/upgrade-database && systemctl restart jujud-machine-0")
    status = until(lab, "done", lambda status: status["model"]["model-status"]["current"] == "available", "controller")
    assert status["model"]["model-status"]["message"].startswith('upgraded on "')
    assert message(status) == ""
    history = lab.juju(
        "show-status-log", "-m", f"{CONTROLLER}:controller", "0", "--type", "juju-machine", "--format", "json"
    )
    told = [entry.get("message", "") for entry in json.loads(history.stdout)]
    busy, done = "upgrading database for 2.7.8", "database upgrade for 2.7.8 completed"
    assert told[-6:] == [busy, failed, busy, done, "upgrading to 2.7.8", ""]
