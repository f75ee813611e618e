"""What people decide about an upgrade under way, on a real controller."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

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

    def upgrade(self, version: str = "2.6.10", **params: Any) -> int:
        self.client.call("Client", "SetModelAgentVersion", {"version": version, **params})
        found = self.admin.call("LabUpgrades", "List", {"model-tag": f"model-{self.model}"})["upgrades"]
        return int(found[0]["id"])

    def record(self, upgrade: int, *changes: tuple[str, str], status: str = "", reason: str = "") -> None:
        rows = [{"tag": f"machine-{number}", "phase": phase, "reason": ""} for number, phase in changes]
        params = {"token": self.token, "upgrade": upgrade, "changes": rows, "status": status, "reason": reason}
        self.orchestrator.call("LabOrchestrator", "Record", params)

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
    made = Fleet(controller, request.node.name.replace("_", "-").replace("[", "-").replace("]", "")[:40].strip("-"))
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
