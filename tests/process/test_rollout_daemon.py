"""The orchestrator's loop against a real controller, with hands that only note what they are told."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from jujulab.rollout import daemon
from jujulab.rollout.acts import Act, Limits, Result
from jujulab.rollout.checks import Check, Opinion, Verdict
from jujulab.rollout.daemon import Orchestrator, Settings
from jujulab.rollout.hands import FencedError, Hands
from jujulab.rollout.model import Machine
from jujulab_core.waiting import Deadline, wait_for
from tests.support.controller_process import ORCHESTRATOR_PASSWORD, Controller, Streams, add_model, running
from tests.support.controller_process import Machine as Agent

NEW = "2.6.10"
LIMITS = Limits(stage=20, stage_help=1, swap=4, restart=4, look=0.5, ask=1, retry=0.2)


class Noted(Hands):
    """Hands that move nothing: what an act does is told by the test."""

    def __init__(self, does: Callable[[Machine, Act], Result | None]) -> None:
        self.acts: list[tuple[str, Act, int]] = []
        self._does = does

    def close(self) -> None:
        pass

    def keep_only(self, machines: list[Machine]) -> None:
        pass

    def prepare(self, machine: Machine) -> None:
        pass

    def perform(self, machine: Machine, act: Act, token: int, wanted: Sequence[Check] = ()) -> Result:
        self.acts.append((machine.id, act, token))
        result = self._does(machine, act)
        if result is None:
            raise FencedError("token 1 is older than 2")
        return result


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Streams]:
    made = Streams(tmp_path_factory.mktemp("internet") / "tools")
    made.publish("2.6.4-bionic-amd64", f"{NEW}-bionic-amd64")
    yield made
    made.close()


@pytest.fixture
def controller(tmp_path: Path, streams: Streams) -> Iterator[Controller]:
    with running(tmp_path / "c", streams, version=NEW) as made:
        yield made


@contextmanager
def orchestrator(controller: Controller, hands: Noted) -> Iterator[Orchestrator]:
    address = f"127.0.0.1:{controller.port}"
    made = Orchestrator(Settings([address], controller.ca, "orchestrator-0", ORCHESTRATOR_PASSWORD, LIMITS), hands)
    thread = threading.Thread(target=made.run)
    thread.start()
    try:
        yield made
    finally:
        made.stop()
        thread.join(20)
        assert not thread.is_alive()


class Fleet:
    """A model with one machine whose agent does as it is told."""

    def __init__(self, controller: Controller, **rollout: Any) -> None:
        self.controller, self.admin = controller, controller.admin()
        self.model = add_model(self.admin, **{"agent-version": "2.6.4"})
        with controller.admin(self.model) as client:
            client.call("MachineManager", "AddMachines", {"params": [{"series": "bionic", "jobs": ["JobHostUnits"]}]})
            self.agent = Agent(controller, self.model, "0")
            self.agent.report("2.6.4-bionic-amd64")
            addresses = [{"value": "127.0.0.1", "type": "ipv4", "scope": "local-cloud"}]
            change = {"machine-addresses": [{"tag": "machine-0", "addresses": addresses}]}
            assert self.agent.client.call("Machiner", "SetMachineAddresses", change) == {"results": [{}]}
            client.call("Client", "SetModelAgentVersion", {"version": NEW, "rollout": rollout or None})
        stage = {"tag": "machine-0", "version": f"{NEW}-bionic-amd64", "state": "staged", "reason": ""}
        self.agent.client.call("LabAgent", "Stage", stage)

    def restart(self, version: str) -> None:
        self.agent.client.close()
        self.agent.client = self.agent.log_in()
        self.agent.report(f"{version}-bionic-amd64")

    def upgrade(self) -> dict[str, Any]:
        return self.admin.call("LabUpgrades", "Get", {"id": 1})

    def until(self, status: str, phase: str) -> dict[str, Any]:
        def probe() -> tuple[dict[str, Any] | None, str]:
            found = self.upgrade()
            agent = found["machines"][0]["agents"][0]
            said = f"{found['status']} {agent['phase']} {agent['reason']}"
            return (found if (found["status"], agent["phase"]) == (status, phase) else None), said

        return wait_for(probe, Deadline(30), 0.05)

    def close(self) -> None:
        self.agent.client.close()
        self.admin.close()


@contextmanager
def fleet(controller: Controller, **rollout: Any) -> Iterator[Fleet]:
    made = Fleet(controller, **rollout)
    try:
        yield made
    finally:
        made.close()


def test_from_staged_to_complete(controller: Controller) -> None:
    with fleet(controller) as made:
        hands = Noted(lambda machine, act: made.restart(NEW) or Result(act, True))
        with orchestrator(controller, hands):
            made.until("complete", "done")
        assert hands.acts == [("0", Act.SWAP, 1)]


def test_a_bad_release_is_taken_back_and_the_old_agent_must_say_so(controller: Controller) -> None:
    def does(machine: Machine, act: Act) -> Result:
        if act is Act.SWAP:
            made.agent.client.close()
        if act is Act.ROLL_BACK:
            assert machine.old_binary == "2.6.4-bionic-amd64"
            made.restart("2.6.4")
        return Result(act, act is not Act.LOOK, "machine-0 does not stay up")

    with fleet(controller, canary=1) as made:
        hands = Noted(does)
        with orchestrator(controller, hands):
            found = made.until("failed", "rolled-back")
        assert [act for _, act, _ in hands.acts] == [Act.SWAP, Act.LOOK, Act.ROLL_BACK]
        assert found["machines"][0]["agents"][0]["reason"] == "machine-0 does not stay up"


def test_a_way_back_that_leads_nowhere_ends_stranded_with_the_command_to_run(controller: Controller) -> None:
    with fleet(controller, canary=1) as made:
        with orchestrator(controller, Noted(lambda machine, act: Result(act, True))):
            found = made.until("failed", "stranded")
        reason = found["machines"][0]["agents"][0]["reason"]
        assert "jujulab ssh -m default 0 sudo upgradectl swap by-hand 2.6.4-bionic-amd64 machine-0" in reason


def test_a_way_back_that_is_gone_ends_stranded_with_the_command_that_fetches_it(controller: Controller) -> None:
    def does(machine: Machine, act: Act) -> Result:
        made.agent.client.close()
        return Result(act, act is Act.SWAP, "not complete", unstaged=act is Act.ROLL_BACK)

    with fleet(controller, canary=1) as made:
        with orchestrator(controller, Noted(does)):
            found = made.until("failed", "stranded")
        reason = found["machines"][0]["agents"][0]["reason"]
        stage, swap = re.search("by hand: (.*) && (.*)", reason).groups()  # type: ignore[union-attr]
        said = r"jujulab ssh -m default 0 sudo upgradectl stage by-hand (\S+) https://\S+/\1 [0-9a-f]{64} [1-9]\d*"
        assert re.fullmatch(said, stage), stage
        assert swap == "jujulab ssh -m default 0 sudo upgradectl swap by-hand 2.6.4-bionic-amd64 machine-0"


def test_an_agent_that_logs_in_again_has_to_stay_well_for_the_whole_health_time(controller: Controller) -> None:
    seconds = 3
    with fleet(controller, **{"canary": 1, "health-time": seconds}) as made:
        with orchestrator(controller, Noted(lambda machine, act: made.restart(NEW) or Result(act, True))):
            made.until("running", "verifying")
            # Its old connection ends later than it has a new one, as with a process that was killed: it is never away.
            old, made.agent.client = made.agent.client, made.agent.log_in()
            came = time.monotonic()
            made.agent.report(f"{NEW}-bionic-amd64")
            old.close()
            made.until("complete", "done")
        assert time.monotonic() - came >= seconds


def test_a_check_that_cannot_tell_asks_a_human(controller: Controller) -> None:
    verdicts = [Verdict.CANNOT_TELL]

    def does(machine: Machine, act: Act) -> Result:
        if act is Act.SWAP:
            made.restart(NEW)
        return Result(act, act is not Act.CHECK, opinion=Opinion(verdicts[-1], "web: no answer"))

    with (
        fleet(controller, checks=[{"name": "web", "tcp": 80}]) as made,
        orchestrator(controller, Noted(does)),
    ):
        found = made.until("paused", "verifying")
        assert found["reason"] == "cannot tell whether machine 0 is good: web: no answer"
        verdicts.append(Verdict.GOOD)
        made.admin.call("LabUpgrades", "Control", {"id": 1, "action": "resume"})
        made.until("complete", "done")


def test_a_failure_of_the_orchestrators_own_says_nothing_of_the_machine(controller: Controller) -> None:
    def does(machine: Machine, act: Act) -> Result:
        if act is Act.LOOK:
            # The machine is slow, and well.
            made.restart(NEW)
        if act is Act.SWAP:
            made.agent.client.close()
            return Result(act, True)
        raise ZeroDivisionError("a bug")

    with fleet(controller, checks=[{"name": "web", "tcp": 80}]) as made, orchestrator(controller, Noted(does)):
        found = made.until("paused", "verifying")
        assert found["reason"] == "cannot tell whether machine 0 is good: ZeroDivisionError: a bug"


def test_the_controllers_death_in_the_midst_loses_no_result(controller: Controller) -> None:
    back = threading.Event()

    def does(machine: Machine, act: Act) -> Result:
        if act is Act.SWAP:
            controller.kill()
            controller.start()
            made.restart(NEW)
            back.set()
        return Result(act, True)

    with fleet(controller) as made:
        made.admin.close()
        hands = Noted(does)
        with orchestrator(controller, hands):
            assert back.wait(60)
            made.admin = controller.admin()
            made.until("complete", "done")
        assert [act for _, act, _ in hands.acts] == [Act.SWAP]


def test_a_second_orchestrator_waits_and_takes_over_with_a_newer_token(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "LEASE_SECONDS", 1.5)
    first = Noted(lambda machine, act: None)
    with fleet(controller) as made:
        second = Noted(lambda machine, act: made.restart(NEW) or Result(act, True))
        with orchestrator(controller, first):
            wait_for(lambda: (len(first.acts) or None, "no act yet"), Deadline(30), 0.05)
            assert made.upgrade()["machines"][0]["agents"][0]["phase"] == "swapping"
        with orchestrator(controller, second):
            made.until("complete", "done")
        assert {token for _, _, token in first.acts} == {1}
        assert second.acts == [("0", Act.SWAP, 2)]
