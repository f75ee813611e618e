"""What an agent says of itself while it upgrades (the Juju upgrade specification, section F.2), by era; wrenches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jujulab_core import agentconf
from jujulab_core.waiting import Deadline, wait_for
from tests.support.agent_process import AgentProcess
from tests.support.fake_controller import FakeController

DATABASE = ("upgrading database for 2.7.1", "database upgrade for 2.7.1 completed")
GATED = "Deployer.WatchUnits"
Start = Callable[..., AgentProcess]


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[FakeController]:
    with FakeController(tmp_path) as running:
        yield running


@pytest.fixture
def start(tmp_path: Path, controller: FakeController) -> Iterator[Start]:
    """Starts the agent of a machine that has just got a new version; wrenches are ``CATEGORY/FEATURE``."""
    started: list[AgentProcess] = []

    def begin(came_from: str, version: str, jobs: tuple[str, ...], wrenches: tuple[str, ...] = ()) -> AgentProcess:
        agent = AgentProcess(tmp_path / "juju", controller, version)
        agent.edit_conf(upgradedToVersion=came_from, jobs=list(jobs))
        (agent.data_dir / "wrench").mkdir()
        for wrench in wrenches:
            category, _, feature = wrench.partition("/")
            path = agent.data_dir / "wrench" / category
            path.touch(0o644)
            path.write_text(f"{path.read_text()}{feature}\n")
        agent.start()
        started.append(agent)
        return agent

    yield begin
    for agent in started:
        agent.stop()


def said(controller: FakeController) -> list[tuple[str, str]]:
    """Status and message of each report so far; one that was only repeated counts once."""
    reports: list[tuple[str, str]] = []
    for name, params in controller.history:
        if name == "Machiner.SetStatus":
            report = (params["entities"][0]["status"], params["entities"][0]["info"])
            if reports[-1:] != [report]:
                reports.append(report)
    return reports


@pytest.mark.parametrize(
    ("came_from", "version", "jobs", "messages"),
    [
        ("2.6.4", "2.6.10-bionic-amd64", ("JobManageModel", "JobHostUnits"), ("upgrading to 2.6.10",)),
        ("2.6.10", "2.7.1-bionic-amd64", ("JobHostUnits",), ("upgrading to 2.7.1",)),
        (
            "2.6.10",
            "2.7.1-bionic-amd64",
            ("JobManageModel", "JobHostUnits"),
            (*DATABASE, "upgrading to 2.7.1"),
        ),
        (
            "2.8.13",
            "2.9-rc1-ubuntu-amd64",
            ("JobManageModel",),
            (
                "upgrading database for 2.9-rc1",
                "database upgrade for 2.9-rc1 completed",
                "upgrading to 2.9-rc1",
            ),
        ),
    ],
)
def test_each_message_in_order(
    controller: FakeController, start: Start, came_from: str, version: str, jobs: tuple[str, ...], messages: list[str]
) -> None:
    agent = start(came_from, version, jobs)
    controller.wait_for(GATED)
    assert said(controller) == [*(("started", message) for message in messages), ("started", "")]
    upgraded = agentconf.load(agent.conf_path.read_text())["upgradedToVersion"]
    assert upgraded == str(agent.binary.number)


def test_a_status_that_is_set_while_the_agent_introduces_itself_again_is_told(
    controller: FakeController, start: Start
) -> None:
    agent = start("2.6.4", "2.6.10-bionic-amd64", ("JobHostUnits",), ("stop-at/machine-agent/steps-recorded",))
    wrench = agent.data_dir / "wrench"
    wait_for(lambda: ((wrench / "stopped-at").exists() or None, "the steps to be recorded"), Deadline(15), 0.02)
    (wrench / "passed").touch()
    greeted = asyncio.Event()

    async def greet(_: object) -> dict[str, object]:
        await greeted.wait()
        return {"results": [{}]}

    controller.handlers["Machiner.SetMachineAddresses"] = greet
    controller.drop_all()
    controller.wait_for("Admin.Login")
    controller.wait_for("Admin.Login")
    controller.wait_for("Machiner.SetMachineAddresses")
    # The new connection is not in use yet, the old one is gone.
    (wrench / "stopped-at").unlink()
    passed = wrench / "passed"
    wait_for(lambda: ("steps-reported" in passed.read_text() or None, "the steps to be reported"), Deadline(15), 0.02)
    controller.loop.call_soon_threadsafe(greeted.set)
    controller.wait_for("Machiner.SetStatus", entities=[_status("started", "")])


def test_the_steps_of_the_database_come_first_and_once(controller: FakeController, start: Start) -> None:
    agent = start("2.7.0", "2.9.0-ubuntu-amd64", ("JobManageModel",), ("machine-agent/fail-upgrade-start",))
    controller.wait_for("Machiner.SetStatus", entities=[_status("started", "database upgrade for 2.9.0 completed")])
    agent.stop()
    steps = [
        line.partition("running upgrade step: ")[2] for line in agent.log().splitlines() if "upgrade step:" in line
    ]
    assert steps == [
        "drop old presence database",
        "increment tasks sequence by 1",
        "add machine ID to subordinate units",
        "add charmhub-url to model config",
        "add charm-origin to applications",
        "remove unused linklayerdevicesrefs collection",
    ]
    agent.start()


@pytest.mark.parametrize("category", ["upgrade-database/watch-upgrade", "machine-agent/fail-upgrade"])
def test_what_fails_is_tried_five_times_and_given_up(controller: FakeController, start: Start, category: str) -> None:
    start("2.6.10", "2.7.1-bionic-amd64", ("JobManageModel",), (category, "machine-agent/short-upgrade-timeout"))
    text = "upgrade to 2.7.1 failed ({}): wrench"
    controller.wait_for("Machiner.SetStatus", entities=[_status("error", text.format("giving up"))])
    busy = DATABASE[0] if category.startswith("upgrade-database") else "upgrading to 2.7.1"
    ending = [report for _ in range(5) for report in (("started", busy), ("error", text.format("will retry")))]
    assert said(controller)[-10:] == [*ending[:-1], ("error", text.format("giving up"))]
    assert GATED not in [name for name, _ in controller.history]


def test_a_wrench_that_others_could_have_thrown_is_not_obeyed(controller: FakeController, start: Start) -> None:
    agent = start("2.6.10", "2.7.1-bionic-amd64", ("JobManageModel",))
    agent.stop()
    wrench = agent.data_dir / "wrench" / "upgrade-database"
    wrench.write_text("watch-upgrade\n")
    wrench.chmod(0o666)
    agent.edit_conf(upgradedToVersion="2.6.10")
    agent.start()
    controller.wait_for(GATED)
    assert "wrench file for upgrade-database has incorrect owner or permissions" in agent.log()
    assert "error" not in [status for status, _ in said(controller)]


def _status(status: str, info: str) -> dict[str, object]:
    return {"tag": "machine-0", "status": status, "info": info, "data": {}}
