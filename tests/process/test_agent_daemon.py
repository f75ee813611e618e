"""The agent as a process of its own, run from a built jujud against a real server."""

from __future__ import annotations

import asyncio
import ctypes
import hashlib
import json
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jujulab_agent.builder.jujud import build_jujud
from jujulab_agent.builder.tarball import build_tarball
from jujulab_core import agentconf
from jujulab_core.version import Binary
from tests.support.agent_process import AgentProcess
from tests.support.fake_controller import FakeController, RefusalError

NEW = "2.6.10-bionic-amd64"


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[FakeController]:
    with FakeController(tmp_path) as running:
        yield running


@pytest.fixture
def agent(tmp_path: Path, controller: FakeController) -> Iterator[AgentProcess]:
    made = AgentProcess(tmp_path / "juju", controller)
    yield made
    if made.process is not None:
        made.process.kill()
        made.process.wait()


def publish(controller: FakeController, binary: str = NEW) -> None:
    number = Binary.parse(binary).number
    content = build_tarball(build_jujud(number))
    controller.offer(binary, content, hashlib.sha256(content).hexdigest())
    controller.desired(str(number))


def test_it_tells_who_it_is_and_stages_what_is_wanted(agent: AgentProcess, controller: FakeController) -> None:
    agent.start()
    login = {"auth-tag": "machine-0", "credentials": "a password", "nonce": "a nonce", "user-data": "jujulab"}
    assert controller.wait_for("Admin.Login") == login
    started = {"tag": "machine-0", "status": "started", "info": "", "data": {}}
    assert controller.wait_for("Machiner.SetStatus") == {"entities": [started]}
    tools = {"tag": "machine-0", "tools": {"version": "2.6.4-bionic-amd64"}}
    assert controller.wait_for("Upgrader.SetTools") == {"agent-tools": [tools]}
    (addresses,) = controller.wait_for("Machiner.SetMachineAddresses")["machine-addresses"]
    assert addresses["tag"] == "machine-0"
    controller.wait_for("Deployer.WatchUnits")

    publish(controller)
    controller.fire()
    controller.wait_for("LabAgent.Stage", tag="machine-0", version=NEW, state="staging")
    controller.wait_for("LabAgent.Stage", tag="machine-0", version=NEW, state="staged", reason="")
    staged = agent.data_dir / "tools" / NEW
    assert json.loads((staged / "downloaded-tools.txt").read_text())["version"] == NEW
    # It stages and waits; the link is moved by others.
    assert (agent.data_dir / "tools" / "machine-0").readlink().name == "2.6.4-bionic-amd64"

    # Whatever breaks, everything is told anew.
    controller.drop_all()
    controller.wait_for("Admin.Login")
    controller.wait_for("Machiner.SetStatus")
    controller.wait_for("Upgrader.SetTools")
    controller.wait_for("LabAgent.Stage", state="staged")
    assert agent.stop() == 0
    lines = [line[20:] for line in agent.log().splitlines()]
    assert "INFO juju.worker.upgrader upgrade requested from 2.6.4 to 2.6.10" in lines
    forwarded = [
        line["message"] for name, params in controller.history if name == "LabAgent.Log" for line in params["entries"]
    ]
    assert "upgrade requested from 2.6.4 to 2.6.10" in forwarded


def test_it_loads_its_own_code_after_its_link_has_moved(agent: AgentProcess, controller: FakeController) -> None:
    agent.start()
    controller.wait_for("Deployer.WatchUnits")
    elsewhere = agent.data_dir / "tools" / "2.9.9-bionic-amd64"
    elsewhere.mkdir()
    (elsewhere / "jujud").write_bytes(b"not a zip at all")
    link = agent.data_dir / "tools" / "machine-0"
    link.unlink()
    link.symlink_to(elsewhere)
    publish(controller)
    controller.fire()
    controller.wait_for("LabAgent.Stage", state="staged")


def test_a_target_that_changes_during_the_download_is_picked_up(
    agent: AgentProcess, controller: FakeController
) -> None:
    async def stall(_: object) -> None:
        await asyncio.sleep(60)

    agent.start()
    controller.wait_for("Deployer.WatchUnits")
    controller.offer("2.6.5-bionic-amd64", b"x", "0" * 64)
    controller.files = dict.fromkeys(controller.files, stall)
    controller.desired("2.6.5")
    controller.fire()
    controller.wait_for("LabAgent.Stage", version="2.6.5-bionic-amd64", state="staging")
    publish(controller)
    controller.fire()
    controller.wait_for("LabAgent.Stage", version=NEW, state="staged")


def test_a_failure_is_told_and_tried_again(agent: AgentProcess, controller: FakeController) -> None:
    agent.start()
    controller.wait_for("Deployer.WatchUnits")
    controller.offer(NEW, b"damaged", "0" * 64)
    controller.desired("2.6.10")
    controller.fire()
    failed = controller.wait_for("LabAgent.Stage", state="failed")
    assert "tarball sha256 mismatch" in failed["reason"]
    publish(controller)
    controller.wait_for("LabAgent.Stage", state="staged")


@pytest.mark.parametrize(
    ("running", "wanted"),
    [
        ("2.6.4-bionic-amd64", "2.9.1-ubuntu-amd64"),
        ("2.9.1-ubuntu-amd64", "2.9.2-ubuntu-amd64"),
        ("2.9.1-ubuntu-amd64", "2.8.0-bionic-amd64"),
    ],
)
def test_from_one_era_to_the_other(tmp_path: Path, controller: FakeController, running: str, wanted: str) -> None:
    agent = AgentProcess(tmp_path / "juju", controller, running)
    agent.start()
    publish(controller, wanted)
    controller.fire()
    controller.wait_for("LabAgent.Stage", version=wanted, state="staged")
    assert (agent.data_dir / "tools" / wanted / "jujud").exists()
    assert agent.stop() == 0


def test_a_version_that_is_not_offered(agent: AgentProcess, controller: FakeController) -> None:
    controller.handlers["Upgrader.Tools"] = lambda _: {"results": [{"tools": []}]}
    controller.desired("2.6.10")
    agent.start()
    failed = controller.wait_for("LabAgent.Stage", version=NEW, state="failed")
    assert failed["reason"] == f"the controller offers no agent binaries for {NEW}"


def test_a_refused_login_is_tried_again(agent: AgentProcess, controller: FakeController) -> None:
    good = controller.handlers["Admin.Login"]

    def refuse(_: object) -> None:
        raise RefusalError("login for machine 1 blocked because upgrade is in progress")

    controller.handlers["Admin.Login"] = refuse
    agent.start()
    controller.wait_for("Admin.Login")
    controller.wait_for("Admin.Login")
    controller.handlers["Admin.Login"] = good
    controller.wait_for("Upgrader.SetTools")


def test_steps_run_before_anything_else(agent: AgentProcess, controller: FakeController) -> None:
    agent.edit_conf(upgradedToVersion="2.6.3")
    agent.start()
    upgrading = {"tag": "machine-0", "status": "started", "info": "upgrading to 2.6.4", "data": {}}
    assert controller.wait_for("Machiner.SetStatus") == {"entities": [upgrading]}
    done = {"tag": "machine-0", "status": "started", "info": "", "data": {}}
    controller.wait_for("Machiner.SetStatus", entities=[done])
    controller.wait_for("Deployer.WatchUnits")
    assert agentconf.load(agent.conf_path.read_text())["upgradedToVersion"] == "2.6.4"
    assert agent.conf_path.stat().st_mode & 0o777 == 0o600
    assert 'starting upgrade from 2.6.3 to 2.6.4 for "machine-0"' in agent.log()
    assert "upgrade to 2.6.4 completed successfully." in agent.log()


def test_steps_are_given_up_after_five_attempts(agent: AgentProcess, controller: FakeController) -> None:
    agent.edit_conf(upgradedToVersion="2.6.3")
    wrench = agent.data_dir / "wrench" / "machine-agent"
    wrench.parent.mkdir()
    wrench.write_text("fail-upgrade\nshort-upgrade-timeout\n")
    wrench.chmod(0o644)
    agent.start()

    def failed(outcome: str) -> dict[str, object]:
        info = f"upgrade to 2.6.4 failed ({outcome}): wrench"
        return {"tag": "machine-0", "status": "error", "info": info, "data": {}}

    for _ in range(4):
        controller.wait_for("Machiner.SetStatus", entities=[failed("will retry")])
    controller.wait_for("Machiner.SetStatus", entities=[failed("giving up")])
    # The gate stays shut, but the agent lives, and can still be given another version.
    publish(controller)
    controller.fire()
    controller.wait_for("LabAgent.Stage", state="staged")
    assert "Deployer.WatchUnits" not in [name for name, _ in controller.history]
    assert agentconf.load(agent.conf_path.read_text())["upgradedToVersion"] == "2.6.3"


@pytest.mark.parametrize("state", ["logged in", "not answered", "connecting", "hanging handshake"])
def test_it_stops_at_once(tmp_path: Path, agent: AgentProcess, controller: FakeController, state: str) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    with listener:
        if state == "connecting":
            agent.edit_conf(apiaddresses=["192.0.2.255:17070"])
        if state == "hanging handshake":
            agent.edit_conf(apiaddresses=[f"127.0.0.1:{listener.getsockname()[1]}"])
        if state == "not answered":
            controller.handlers["Admin.Login"] = lambda _: asyncio.sleep(60)
        agent.start()
        if state == "logged in":
            controller.wait_for("Deployer.WatchUnits")
        elif state == "not answered":
            controller.wait_for("Admin.Login")
        elif state == "hanging handshake":
            listener.settimeout(10)
            listener.accept()[0].close()
        else:
            agent.wait_for_threads(2)
        began = time.monotonic()
        assert agent.stop() == 0
        assert time.monotonic() - began < 1


def test_it_stops_whichever_of_its_threads_the_signal_comes_to(agent: AgentProcess, controller: FakeController) -> None:
    agent.start()
    controller.wait_for("Deployer.WatchUnits")
    assert agent.process is not None
    first = agent.process.pid
    another = next(int(task.name) for task in Path(f"/proc/{first}/task").iterdir() if task.name != str(first))
    # The first thread is in the midst of a system call, which a signal to another thread does not cut short.
    assert ctypes.CDLL(None).tgkill(first, another, signal.SIGTERM) == 0
    assert agent.process.wait(10) == 0


@pytest.mark.parametrize(
    ("defect", "code", "said"),
    [("crash-on-start", 1, "defect crash-on-start"), ("crash-after=0", 1, "defect crash-after")],
)
def test_releases_that_crash(tmp_path: Path, controller: FakeController, defect: str, code: int, said: str) -> None:
    agent = AgentProcess(tmp_path / "juju", controller, defect=defect)
    agent.start()
    assert agent.process is not None
    assert agent.process.wait(10) == code
    assert said in agent.log()


def test_a_release_that_reports_another_version(tmp_path: Path, controller: FakeController) -> None:
    agent = AgentProcess(tmp_path / "juju", controller, defect="wrong-version")
    agent.start()
    tools = controller.wait_for("Upgrader.SetTools")["agent-tools"][0]["tools"]
    assert tools == {"version": "2.6.3-bionic-amd64"}
    assert agent.stop() == 0


@pytest.mark.parametrize(
    ("conf", "said"),
    [
        ({"apipassword": ""}, "has no apipassword"),
        ({"tag": "machine-1"}, "is that of machine-1"),
        ({"cacert": "nonsense"}, "cannot read the CA certificate"),
        ({"upgradedToVersion": "nonsense"}, 'invalid version "nonsense"'),
    ],
)
def test_a_damaged_configuration_is_named(
    agent: AgentProcess, controller: FakeController, conf: dict[str, agentconf.Value], said: str
) -> None:
    agent.edit_conf(**conf)
    agent.start()
    assert agent.process is not None
    assert agent.process.wait(10) in (1, 2)
    assert said in agent.log()
    assert "Traceback" not in agent.log()
