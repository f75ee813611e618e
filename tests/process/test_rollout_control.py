"""What people decide about an upgrade under way, on a real controller."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from jujulab.rollout.model import from_wire
from jujulab.rollout.rules import decide
from jujulab_core.errors import RpcError
from jujulab_core.rpc import Client
from tests.support.controller_process import Controller, Machine, Streams, add_model, running


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Streams]:
    made = Streams(tmp_path_factory.mktemp("internet") / "tools")
    made.publish(*(f"{version}-bionic-amd64" for version in ("2.6.4", "2.6.5", "2.6.10")))
    yield made
    made.close()


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory, streams: Streams) -> Iterator[Controller]:
    with running(tmp_path_factory.mktemp("controller"), streams, version="2.6.10") as made:
        yield made


class Fleet:
    """A model of two machines at 2.6.4 that is being upgraded to 2.6.10, and all who have to do with it."""

    def __init__(self, controller: Controller, name: str) -> None:
        self.name = name
        self.admin = controller.admin()
        self.model = add_model(self.admin, name, **{"agent-version": "2.6.4"})
        self.client = controller.admin(self.model)
        self.client.call("MachineManager", "AddMachines", {"params": [{"series": "bionic"}] * 2})
        self.machines = [Machine(controller, self.model, number) for number in ("0", "1")]
        for machine in self.machines:
            machine.report("2.6.4-bionic-amd64")
        self.orchestrator = controller.orchestrator()
        claim = {"holder": "test", "ttl": 300}
        self.token = self.orchestrator.call("LabOrchestrator", "Claim", claim)["token"]

    def newest(self) -> int:
        found = self.admin.call("LabUpgrades", "List", {"model-tag": f"model-{self.model}"})["upgrades"]
        return int(found[0]["id"])

    def upgrade(self, version: str = "2.6.10", **params: Any) -> int:
        self.client.call("Client", "SetModelAgentVersion", {"version": version, **params})
        return self.newest()

    def record(self, upgrade: int, *changes: tuple[str, str], status: str = "", reason: str = "") -> None:
        rows = [{"tag": f"machine-{number}", "phase": phase, "reason": ""} for number, phase in changes]
        params = {"token": self.token, "upgrade": upgrade, "changes": rows, "status": status, "reason": reason}
        self.orchestrator.call("LabOrchestrator", "Record", params)

    def control(self, upgrade: int, action: str, *machines: str) -> dict[str, Any]:
        return self.admin.call("LabUpgrades", "Control", {"id": upgrade, "action": action, "machines": list(machines)})

    def desired(self, number: int) -> str:
        entity = {"entities": [{"tag": f"machine-{number}"}]}
        answer = self.machines[number].client.call("Upgrader", "DesiredVersion", entity)
        return str(answer["results"][0]["version"])

    def quarantine(self) -> dict[str, str]:
        found = self.admin.call("LabUpgrades", "Quarantine", {"model-tag": f"model-{self.model}"})["versions"]
        return {entry["version"]: entry["reason"] for entry in found}

    def get(self, upgrade: int) -> dict[str, Any]:
        return self.admin.call("LabUpgrades", "Get", {"id": upgrade})

    def phases(self, upgrade: int) -> list[str]:
        return [machine["agents"][0]["phase"] for machine in self.get(upgrade)["machines"]]

    def close(self) -> None:
        clients: list[Client] = [self.admin, self.client, self.orchestrator, *(m.client for m in self.machines)]
        for client in clients:
            client.close()


@pytest.fixture
def fleet(controller: Controller, request: pytest.FixtureRequest) -> Iterator[Fleet]:
    name = re.sub("[^a-z0-9]+", "-", request.node.name.lower()).strip("-")
    made = Fleet(controller, name if len(name) <= 40 else f"{name[:18]}-{name[-20:]}".replace("--", "-"))
    yield made
    made.close()


def events(fleet: Fleet, upgrade: int, after: int = 0) -> list[tuple[str, str, str]]:
    found = fleet.admin.call("LabUpgrades", "Events", {"id": upgrade, "after": after})["events"]
    return [(event["tag"], event["phase"] or event["status"], event["by"]) for event in found]


def test_every_change_is_kept_once_and_in_order(fleet: Fleet) -> None:
    upgrade = fleet.upgrade()
    fleet.record(upgrade, ("0", "staged"))
    fleet.record(upgrade, ("0", "staged"))
    fleet.record(upgrade, ("0", "swapping"), ("1", "staged"))
    fleet.record(upgrade, ("0", "done"), ("1", "done"), status="complete")
    assert events(fleet, upgrade) == [
        ("", "running", "admin"),
        ("machine-0", "pending", "admin"),
        ("machine-1", "pending", "admin"),
        ("machine-0", "staged", "test"),
        ("machine-0", "swapping", "test"),
        ("machine-1", "staged", "test"),
        ("machine-0", "done", "test"),
        ("machine-1", "done", "test"),
        ("", "complete", "test"),
    ]
    everything = fleet.admin.call("LabUpgrades", "Events")["events"]
    seqs = [event["seq"] for event in everything]
    assert seqs == sorted(set(seqs))
    last = [event for event in everything if event["upgrade"] == upgrade][-2]["seq"]
    assert events(fleet, upgrade, last) == [("", "complete", "test")]


def test_what_was_recorded_in_vain_leaves_no_event(fleet: Fleet) -> None:
    upgrade = fleet.upgrade()
    before = events(fleet, upgrade)
    with pytest.raises(RpcError, match='agent "machine-7" not found'):
        fleet.record(upgrade, ("0", "staged"), ("7", "staged"))
    with pytest.raises(RpcError, match='unknown status "happy"'):
        fleet.record(upgrade, ("0", "staged"), status="happy")
    assert events(fleet, upgrade) == before
    assert fleet.phases(upgrade) == ["pending", "pending"]


def test_logins_are_counted_from_the_beginning_of_an_exchange(fleet: Fleet, controller: Controller) -> None:
    upgrade = fleet.upgrade()

    def before() -> list[int]:
        return [machine["agents"][0]["logins-before"] for machine in fleet.get(upgrade)["machines"]]

    fleet.record(upgrade, ("0", "staged"))
    assert before() == [0, 0]
    fleet.record(upgrade, ("0", "swapping"))
    fleet.machines[0].log_in().close()
    fleet.record(upgrade, ("0", "swapping"))
    assert before() == [1, 0]
    fleet.record(upgrade, ("0", "restarting"))
    fleet.record(upgrade, ("0", "rolling-back"))
    assert before() == [2, 0]


def test_after_a_pause_no_machine_starts_and_what_is_under_way_ends(fleet: Fleet) -> None:
    upgrade = fleet.upgrade()
    fleet.record(upgrade, ("0", "swapping"), ("1", "staged"))
    assert fleet.control(upgrade, "pause")["status"] == "paused"
    assert fleet.get(upgrade)["reason"] == "paused by admin"
    with pytest.raises(RpcError) as late:
        fleet.record(upgrade, ("0", "restarting"), ("1", "swapping"))
    assert (late.value.message, late.value.code) == (
        f"upgrade {upgrade} is paused: no machine of it may start",
        "try again",
    )
    assert fleet.phases(upgrade) == ["swapping", "staged"]
    fleet.record(upgrade, ("0", "swapping"))
    fleet.record(upgrade, ("0", "done"))
    assert fleet.control(upgrade, "pause")["status"] == "paused"
    assert fleet.control(upgrade, "resume")["status"] == "running"
    fleet.record(upgrade, ("1", "swapping"))
    fleet.record(upgrade, ("1", "done"), status="complete")
    statuses = [name for tag, name, _ in events(fleet, upgrade) if not tag]
    assert statuses == ["running", "paused", "running", "complete"]
    with pytest.raises(RpcError, match="is over \\(complete\\)") as refused:
        fleet.control(upgrade, "pause")
    assert refused.value.info["next-step"] == f"`jujulab abort-upgrade {upgrade} --rollback` goes back to 2.6.4"


def test_a_pause_that_asks_is_answered_by_accepting(fleet: Fleet) -> None:
    upgrade = fleet.upgrade()
    fleet.record(upgrade, ("0", "verifying"), status="paused", reason="cannot tell whether machine 0 is good")
    assert fleet.get(upgrade)["reason"] == "cannot tell whether machine 0 is good"
    with pytest.raises(RpcError, match="machine 7 is not part of upgrade"):
        fleet.control(upgrade, "resume", "7")
    answer = fleet.control(upgrade, "resume", "0")
    assert (answer["status"], answer["reason"], answer["accepted"]) == ("running", "", ["0"])


def test_a_roll_back_reaches_the_agents_and_the_version_is_quarantined(fleet: Fleet) -> None:
    upgrade = fleet.upgrade()
    fleet.record(upgrade, ("0", "done"), ("1", "staged"))
    assert fleet.desired(0) == "2.6.10"
    answer = fleet.control(upgrade, "roll-back")
    assert (answer["status"], answer["roll-back"], answer["reason"]) == ("aborting", True, "put back to 2.6.4 by admin")
    assert [fleet.desired(number) for number in (0, 1)] == ["2.6.4", "2.6.4"]
    assert fleet.quarantine() == {"2.6.10": f"upgrade {upgrade} was rolled back"}
    with pytest.raises(RpcError) as busy:
        fleet.upgrade("2.6.5")
    assert busy.value.message == f"upgrade {upgrade} of model {fleet.name} is being put back to 2.6.4"
    fleet.record(upgrade, ("0", "rolling-back"), ("1", "skipped"))
    fleet.record(upgrade, ("0", "rolled-back"), status="complete")
    assert fleet.get(upgrade)["status"] == "aborting"
    fleet.record(upgrade, status="aborted")
    over = fleet.get(upgrade)
    assert (over["status"], over["reason"]) == ("aborted", "put back to 2.6.4 by admin")
    assert over["finished"]

    with pytest.raises(RpcError) as refused:
        fleet.upgrade()
    assert refused.value.message.startswith(f"version 2.6.10 is quarantined for model {fleet.name}: upgrade {upgrade} ")
    assert "--lift-quarantine" in refused.value.info["next-step"]
    again = fleet.upgrade(**{"lift-quarantine": True})
    assert again > upgrade
    assert fleet.quarantine() == {}
    assert fleet.desired(0) == "2.6.10"


def test_lifting_a_quarantine_by_itself(fleet: Fleet) -> None:
    upgrade = fleet.upgrade()
    fleet.control(upgrade, "roll-back")
    params = {"model-tag": f"model-{fleet.model}", "version": "2.6.10"}
    fleet.admin.call("LabUpgrades", "LiftQuarantine", params)
    assert fleet.quarantine() == {}
    with pytest.raises(RpcError, match="quarantined version"):
        fleet.admin.call("LabUpgrades", "LiftQuarantine", params)


@pytest.mark.parametrize("phase", ["rolled-back", "returning", "stranded"])
@pytest.mark.parametrize("how", ["aborted", "replaced", "failed"])
def test_however_an_upgrade_ends_its_version_is_quarantined_if_a_machine_had_to_go_back(
    fleet: Fleet, how: str, phase: str
) -> None:
    upgrade = fleet.upgrade()
    fleet.record(upgrade, ("0", "swapping"))
    fleet.record(upgrade, ("0", phase))
    assert fleet.quarantine() == {}
    if how == "aborted":
        fleet.control(upgrade, "abort")
        fleet.record(upgrade, ("0", "rolled-back"), ("1", "skipped"), status="aborted")
    elif how == "replaced":
        fleet.upgrade("2.6.5", force=True)
    else:
        fleet.record(upgrade, ("0", "stranded"), ("1", "skipped"), status="failed")
    assert list(fleet.quarantine()) == ["2.6.10"]


def test_machines_that_the_gate_put_back_quarantine_the_version_and_retry_lifts_it(fleet: Fleet) -> None:
    upgrade = fleet.upgrade()
    fleet.record(upgrade, ("0", "rolled-back"), ("1", "skipped"), status="failed", reason="1 of 2 machines failed")
    assert list(fleet.quarantine()) == ["2.6.10"]
    assert fleet.desired(0) == "2.6.10"
    answer = fleet.control(upgrade, "retry", "0")
    assert (answer["status"], answer["retries"]) == ("running", {"0": 1})
    assert fleet.phases(upgrade) == ["pending", "skipped"]
    assert fleet.quarantine() == {}
    assert fleet.control(upgrade, "retry")["retries"] == {"0": 1, "1": 1}
    fleet.record(upgrade, ("0", "done"), ("1", "done"), status="complete")
    with pytest.raises(RpcError, match="nothing to try again"):
        fleet.control(upgrade, "retry")


def test_a_machine_that_comes_back_late_makes_a_failed_upgrade_complete(fleet: Fleet) -> None:
    upgrade = fleet.upgrade()
    fleet.record(upgrade, ("0", "done"), ("1", "failed"), status="failed", reason="1 of 2 machines failed")

    def carried() -> list[int]:
        found = fleet.orchestrator.call("LabOrchestrator", "ActiveUpgrades")["upgrades"]
        return [entry["id"] for entry in found if entry["model-uuid"] == fleet.model]

    assert carried() == [upgrade]
    fleet.record(upgrade, ("1", "swapping"))
    fleet.record(upgrade, ("1", "done"), status="complete")
    assert fleet.get(upgrade)["status"] == "complete"
    assert carried() == []


def test_an_abort_leaves_what_is_done_and_can_be_taken_up_again(fleet: Fleet) -> None:
    upgrade = fleet.upgrade()
    fleet.record(upgrade, ("0", "done"), ("1", "staged"))
    assert fleet.control(upgrade, "abort")["status"] == "aborting"
    fleet.record(upgrade, ("1", "skipped"), status="aborted")
    assert fleet.get(upgrade)["reason"] == "aborted by admin"
    assert fleet.desired(1) == "2.6.10"
    assert fleet.control(upgrade, "retry")["status"] == "running"
    assert fleet.phases(upgrade) == ["done", "pending"]


def test_a_machine_goes_back_to_what_it_had_before_the_first_try(fleet: Fleet) -> None:
    upgrade = fleet.upgrade()
    fleet.record(upgrade, ("0", "swapping"))
    # The new version says that it is another one, which this machine never had.
    fleet.machines[0].report("2.6.9-bionic-amd64")
    fleet.record(upgrade, ("0", "failed"), ("1", "done"), status="failed")
    fleet.control(upgrade, "retry")
    fleet.record(upgrade, ("0", "swapping"))
    fleet.record(upgrade, ("0", "rolling-back"))
    machine = fleet.get(upgrade)["machines"][0]
    assert (machine["agents"][0]["version-before"], machine["before"]["binary"]) == ("2.6.4", "2.6.4-bionic-amd64")


def test_a_failed_upgrade_that_is_aborted_takes_up_nobody_any_more(fleet: Fleet) -> None:
    upgrade = fleet.upgrade()
    fleet.record(upgrade, ("0", "done"), ("1", "failed"), status="failed", reason="1 of 2 machines failed")
    answer = fleet.control(upgrade, "abort")
    assert (answer["status"], answer["reason"], answer["changed"]) == ("aborted", "aborted by admin", True)
    assert answer["finished"]
    # It was back just before, and told of just after.
    fleet.record(upgrade, ("1", "pending"))
    with pytest.raises(RpcError, match="is aborted: no machine of it may start"):
        fleet.record(upgrade, ("1", "swapping"))
    assert fleet.phases(upgrade) == ["done", "failed"]
    assert fleet.control(upgrade, "abort")["changed"] is False
    assert fleet.control(upgrade, "retry")["status"] == "running"
    assert fleet.phases(upgrade) == ["done", "pending"]


def test_a_failed_upgrade_that_has_taken_up_a_machine_again_is_aborted_with_it(fleet: Fleet) -> None:
    upgrade = fleet.upgrade()
    fleet.record(upgrade, ("0", "done"), ("1", "failed"), status="failed", reason="1 of 2 machines failed")
    fleet.record(upgrade, ("1", "staged"))
    assert fleet.control(upgrade, "abort")["status"] == "aborting"
    with pytest.raises(RpcError, match="is aborting: no machine of it may start"):
        fleet.record(upgrade, ("1", "swapping"))
    fleet.record(upgrade, ("1", "skipped"), status="aborted", reason="aborted with 1 of 2 machines on 2.6.10")
    assert fleet.get(upgrade)["reason"] == "aborted with 1 of 2 machines on 2.6.10"


def test_jujus_own_abort_ends_the_record_and_every_agent_of_it(fleet: Fleet) -> None:
    upgrade = fleet.upgrade()
    fleet.record(upgrade, ("0", "swapping"))
    fleet.client.call("Client", "AbortCurrentUpgrade")
    over = fleet.get(upgrade)
    assert (over["status"], over["reason"]) == ("aborted", "aborted by request")
    assert fleet.phases(upgrade) == ["stranded", "skipped"]
    assert fleet.desired(0) == "2.6.10"


def test_what_is_told_of_a_replaced_upgrade_changes_nothing(fleet: Fleet) -> None:
    upgrade = fleet.upgrade()
    fleet.record(upgrade, ("0", "swapping"))
    other = fleet.upgrade("2.6.5", force=True)
    # The orchestrator had begun before, and tells now how it went.
    fleet.record(upgrade, ("0", "restarting"))
    fleet.record(upgrade, ("0", "done"), ("1", "staged"))
    assert fleet.phases(upgrade) == ["stranded", "skipped"]
    # It had decided before, and would begin now.
    for phase in ("swapping", "rolling-back"):
        with pytest.raises(RpcError, match="is aborted: no machine of it may start"):
            fleet.record(upgrade, ("1", phase))
    assert fleet.phases(upgrade) == ["stranded", "skipped"]
    assert fleet.phases(other) == ["pending", "pending"]


def test_a_models_checks_go_with_each_of_its_upgrades(fleet: Fleet) -> None:
    checks = [{"name": "web", "tcp": 8080}]
    settings = {"rollout-canary": "1", "rollout-checks": json.dumps(checks)}
    fleet.client.call("ModelConfig", "ModelSet", {"config": settings})
    first = fleet.get(fleet.upgrade("2.6.5"))["options"]
    assert (first["canary"], first["batch"], first["checks"]) == (1, "", checks)
    fleet.admin.call("LabUpgrades", "Control", {"id": fleet.newest(), "action": "abort"})
    again = fleet.get(fleet.upgrade(force=True, rollout={"batch": "50%"}))["options"]
    assert (again["canary"], again["batch"], again["checks"]) == (0, "50%", checks)


@pytest.mark.parametrize(
    ("rollout", "words"),
    [
        ({"batch": "many"}, '--batch is "many": give a number of machines or a percentage such as 25%'),
        ({"canary": -1}, '--canary is "-1": give a whole number from 0 to 1000'),
        ({"checks": [{"name": "web"}]}, '--checks: check "web" must have exactly one of exec, http, tcp'),
        ("fast", "parameter rollout is not an object"),
    ],
)
def test_options_that_the_orchestrator_could_not_read_are_not_kept(
    controller: Controller, rollout: Any, words: str
) -> None:
    with controller.admin(controller.model) as client, pytest.raises(RpcError) as refused:
        client.call("Client", "SetModelAgentVersion", {"version": "2.6.11", "rollout": rollout})
    assert refused.value.message == words
    with controller.admin(controller.model) as client, pytest.raises(RpcError, match="rollout-batch is"):
        client.call("ModelConfig", "ModelSet", {"config": {"rollout-batch": "many"}})


def test_a_unit_that_comes_to_a_machine_goes_with_it(fleet: Fleet) -> None:
    upgrade = fleet.upgrade()
    fleet.record(upgrade, ("0", "staged"))
    deploy = {
        "application": "ubuntu",
        "charm-url": "ubuntu",
        "num-units": 1,
        "placement": [{"scope": "#", "directive": "0"}],
    }
    fleet.client.call("Application", "Deploy", {"applications": [deploy]})
    first = fleet.get(upgrade)["machines"][0]["agents"]
    assert [(agent["tag"], agent["phase"]) for agent in first] == [("machine-0", "staged"), ("unit-ubuntu-0", "staged")]
    assert ("unit-ubuntu-0", "staged", "controller") in events(fleet, upgrade)
    fleet.record(upgrade, ("0", "done"), ("1", "done"), status="complete")
    # Its own row has not ended yet.
    assert fleet.get(upgrade)["status"] == "running"


def test_who_comes_while_a_model_has_the_new_version_is_put_back_with_it(fleet: Fleet, controller: Controller) -> None:
    upgrade = fleet.upgrade()
    fleet.record(upgrade, ("0", "done"), ("1", "skipped"))
    fleet.client.call("MachineManager", "AddMachines", {"params": [{"series": "bionic"}] * 3})
    deploy = {"application": "ubuntu", "charm-url": "ubuntu", "num-units": 2}
    on = [{"scope": "#", "directive": number} for number in ("1", "2")]
    fleet.client.call("Application", "Deploy", {"applications": [deploy | {"placement": on}]})
    # The third boots, the fourth has an instance only, and the fifth nothing yet: that one will begin as the model is.
    new = [Machine(controller, fleet.model, number) for number in ("2", "3")]
    new[0].report("2.6.10-bionic-amd64")
    new[1].client.close()
    fleet.control(upgrade, "roll-back")
    wire = fleet.orchestrator.call("LabOrchestrator", "ActiveUpgrades")["upgrades"]
    (found,) = [from_wire(entry) for entry in wire if entry["id"] == upgrade]
    decision = decide(found, {}, time.time())
    new[0].client.close()
    assert {change.machine: change.phase for change in decision.changes} == {"2": "rolling-back", "3": "rolling-back"}
    assert [(each.id, each.old, each.tags) for each in found.machines if each.id in "23"] == [
        ("2", "2.6.4", ("machine-2", "unit-ubuntu-1")),
        ("3", "2.6.4", ("machine-3",)),
    ]
    assert "4" not in [each.id for each in found.machines]
    assert ("machine-2", "done", "admin") in events(fleet, upgrade)
