"""Several controllers on one state: who leads, what the others do, and how they upgrade together."""

from __future__ import annotations

import fcntl
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from jujulab_core.errors import RpcError
from jujulab_core.rpc import Client
from jujulab_core.waiting import Deadline, wait_for
from tests.support.another_controller import LEADS, another
from tests.support.controller_process import (
    Controller,
    Machine,
    Streams,
    add_model,
    running,
)

SECONDS = 20


@pytest.fixture
def first(tmp_path: Path) -> Iterator[Controller]:
    with running(tmp_path / "first") as controller:
        yield controller


def models(client: Client) -> set[str]:
    found = client.call("ModelManager", "ListModels", {"tag": "user-admin"})["user-models"]
    return {entry["model"]["name"] for entry in found}


def test_another_one_hands_connections_on(first: Controller, tmp_path: Path) -> None:
    with another(tmp_path / "second", first, "1") as second, second.admin() as there, first.admin() as here:
        there.call("ModelManager", "CreateModel", {"name": "made", "owner-tag": "user-admin"})
        assert models(here) == models(there) == {"controller", "made"}


def test_what_was_acknowledged_is_there_when_the_leader_is_killed(first: Controller, tmp_path: Path) -> None:
    with another(tmp_path / "second", first, "1") as second, another(tmp_path / "third", first, "2") as third:
        with second.admin() as client:
            client.call("ModelManager", "CreateModel", {"name": "made", "owner-tag": "user-admin"})
            first.kill()
            # It was carried to the one that is gone.
            wait_for(lambda: (not client.is_open or None, "the connection to end"), Deadline(SECONDS), 0.02)
        for survivor in (second, third):
            with survivor.admin() as client:
                assert models(client) == {"controller", "made"}
        leading = [other for other in (second, third) if "this controller leads" in other.log.read_text()]
        assert len(leading) == 1


def test_connections_wait_while_nobody_leads(first: Controller, tmp_path: Path) -> None:
    """They are neither refused nor dropped: real clients do not recover from either."""
    with another(tmp_path / "second", first, "1") as second:
        first.kill()
        with closing(socket.create_connection(("127.0.0.1", second.port), timeout=5)):
            pass
        with second.admin() as client:
            assert models(client) == {"controller"}
        # And it comes back as one that follows.
        with first.start().admin() as client:
            assert models(client) == {"controller"}


@pytest.fixture
def three(tmp_path: Path) -> Iterator[tuple[Controller, list[Machine]]]:
    """A controller on 2.7.1, and the machines of two more, whose agents are there and whose controllers are not."""
    with three_of(tmp_path, "2.7.1-bionic-amd64", "2.7.8-bionic-amd64") as made:
        yield made


@contextmanager
def three_of(directory: Path, old: str, new: str) -> Iterator[tuple[Controller, list[Machine]]]:
    """The same on one binary, where another one can be had."""
    streams = Streams(directory / "tools")
    streams.publish(old, new)
    with running(directory / "first", streams, old.partition("-")[0]) as controller:
        with controller.admin() as admin:
            answer = admin.call("HighAvailability", "EnableHA", {"specs": [{"num-controllers": 3}]})
        assert answer["results"][0]["result"] == {
            "maintained": ["machine-0"],
            "added": ["machine-1", "machine-2"],
            "removed": [],
            "converted": [],
        }
        others = [Machine(controller, controller.model, number) for number in ("1", "2")]
        for other in others:
            assert other.seed["agent-conf"]["jobs"] == ["JobManageModel", "JobHostUnits"]
            other.report(old)
        with controller.machine_zero() as zero:
            report(zero, old)
        yield controller, others
        for other in others:
            other.client.close()
    streams.close()


def report(zero: Client, version: str) -> None:
    tools = {"agent-tools": [{"tag": "machine-0", "tools": {"version": version}}]}
    assert zero.call("Upgrader", "SetTools", tools) == {"results": [{}]}


def upgrade(controller: Controller, version: str = "2.7.8") -> None:
    with controller.admin(controller.model) as client:
        client.call("Client", "SetModelAgentVersion", {"version": version})


def test_one_that_is_down_stops_an_upgrade_before_it_starts(
    three: tuple[Controller, list[Machine]], tmp_path: Path
) -> None:
    controller, _ = three
    with another(tmp_path / "one", controller, "1", "2.7.1"):
        with pytest.raises(RpcError, match=r"^unable to upgrade, database node 3 \(juju-.*-2:37017\) has state DOWN$"):
            upgrade(controller)
        with another(tmp_path / "two", controller, "2", "2.7.1"):
            upgrade(controller)


def test_they_upgrade_behind_the_one_that_leads(three: tuple[Controller, list[Machine]], tmp_path: Path) -> None:
    controller, (one, two) = three

    def stands(client: Client) -> dict[str, object]:
        return dict(client.call("LabAgent", "Controllers", {"version": "2.7.8"}))

    with controller.machine_zero() as zero:
        # What an earlier upgrade to the same version has left counts for nothing.
        zero.call("LabAgent", "PrimaryDone", {"version": "2.7.8", "what": "database"})
        with another(tmp_path / "one", controller, "1", "2.7.1"), another(tmp_path / "two", controller, "2", "2.7.1"):
            upgrade(controller)
        nobody = {"alone": False, "database-done": False, "primary-done": False}
        assert stands(zero) == {**nobody, "primary": True, "behind": ["0", "1", "2"]}
        assert stands(one.client) == {**nobody, "primary": False, "behind": ["0", "1", "2"]}
        report(zero, "2.7.8-bionic-amd64")
        two.report("2.7.8-bionic-amd64")
        assert stands(zero)["behind"] == ["1"]
        zero.call("LabAgent", "PrimaryDone", {"version": "2.7.8", "what": "database"})
        assert (stands(one.client)["database-done"], stands(one.client)["primary-done"]) == (True, False)
        zero.call("LabAgent", "PrimaryDone", {"version": "2.7.8", "what": "primary"})
        assert stands(one.client)["primary-done"]


def test_no_more_than_an_odd_number_and_no_fewer_than_there_are(three: tuple[Controller, list[Machine]]) -> None:
    controller, _ = three
    with controller.admin() as admin:
        for count, why in (
            (2, "number of controllers must be odd and non-negative"),
            (1, "cannot reduce controller count"),
            (9, "controller count is too large (allowed 7)"),
        ):
            answer = admin.call("HighAvailability", "EnableHA", {"specs": [{"num-controllers": count}]})
            assert answer["results"][0]["error"]["message"] == why


def test_the_last_one_is_not_removed(three: tuple[Controller, list[Machine]]) -> None:
    controller, _ = three
    with controller.admin(controller.model) as client:

        def remove(machine: str) -> str:
            tags = {"machine-tags": [f"machine-{machine}"], "force": False}
            (result,) = client.call("MachineManager", "DestroyMachineWithParams", tags)["results"]
            return str((result.get("error") or {}).get("message", ""))

        assert [remove(machine) for machine in ("1", "2", "0")] == ["", "", "machine 0 is required by the model"]


def test_one_whose_machine_is_removed_leads_no_more(three: tuple[Controller, list[Machine]], tmp_path: Path) -> None:
    controller, _ = three
    with another(tmp_path / "one", controller, "1", "2.7.1") as one:
        with controller.admin(controller.model) as client:
            # What is undone as a whole has no part that stays.
            with pytest.raises(RpcError, match=r"^machine 9 not found"):
                client.call("Client", "DestroyMachines", {"machine-names": ["0", "9"], "force": False})
            assert list((controller.directory / "data" / "db").glob("*.removed")) == []
            params = {"machine-tags": ["machine-0"], "force": False}
            (result,) = client.call("MachineManager", "DestroyMachineWithParams", params)["results"]
            assert result["info"]["machine-id"] == "0"
        assert controller.wait() == 0
        one.wait_for(LEADS)
        with one.admin(controller.model) as client:
            assert set(client.call("Client", "FullStatus")["machines"]) == {"1", "2"}
    with another(tmp_path / "again", controller, "0", "2.7.1", says="it leads no more") as zero:
        # Nobody else is there, and still nobody leads.
        with (controller.directory / "data" / "db" / "leader.lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with another(tmp_path / "later", controller, "1", "2.7.1", says=LEADS), zero.admin() as client:
            assert models(client) == {"controller"}


def record(controller: Controller, machine: Client | None = None, **missing: str) -> tuple[str, bool, str, str]:
    """The newest upgrade's status, whether it goes back, the version of its model, and its reason.

    Args:
        controller: The controller.
        machine: Who says before that others are missing, if anybody.
        missing: What it says.
    """
    if machine is not None:
        assert machine.call("LabAgent", "ControllersMissing", missing) == {}
    with controller.admin() as admin, controller.admin(controller.model) as client:
        newest = admin.call("LabUpgrades", "List")["upgrades"][0]
        version = client.call("Client", "FullStatus")["model"]["version"]
    return newest["status"], newest["roll-back"], version, newest["reason"]


def fail(controller: Controller) -> None:
    """Has the orchestrator find the newest upgrade failed."""
    with controller.orchestrator() as orchestrator:
        token = orchestrator.call("LabOrchestrator", "Claim", {"holder": "a", "ttl": 30})["token"]
        (active,) = orchestrator.call("LabOrchestrator", "ActiveUpgrades")["upgrades"]
        tags = [agent["tag"] for machine in active["machines"] for agent in machine["agents"]]
        changes = [{"tag": tag, "phase": "failed", "reason": "it gave up", "deadline": None} for tag in tags]
        params = {"token": token, "upgrade": active["id"], "changes": changes, "status": "failed", "reason": "no use"}
        orchestrator.call("LabOrchestrator", "Record", params)


@pytest.mark.parametrize("has_failed", [False, True])
def test_an_upgrade_that_misses_some_goes_back_up_to_2_8(
    three: tuple[Controller, list[Machine]], tmp_path: Path, has_failed: bool
) -> None:
    controller, (machine, _) = three
    with another(tmp_path / "one", controller, "1", "2.7.1"), another(tmp_path / "two", controller, "2", "2.7.1"):
        upgrade(controller)
    # What is said of another version, before or after this one, is not about this upgrade.
    under_way = ("running", False, "2.7.8", "")
    assert record(controller, machine.client, version="2.7.7", reason="late") == under_way
    if has_failed:
        fail(controller)
        assert record(controller) == ("failed", False, "2.7.8", "no use")
    back = ("aborting", True, "2.7.1", "timed out")
    assert record(controller, machine.client, version="2.7.8", reason="timed out") == back
    # Each of them may say it.
    assert record(controller, machine.client, version="2.7.8", reason="said again") == back


def test_an_upgrade_that_misses_some_stays_from_2_9_on(tmp_path: Path) -> None:
    with three_of(tmp_path, "2.9.1-ubuntu-amd64", "2.9.2-ubuntu-amd64") as (controller, (machine, _)):
        with another(tmp_path / "one", controller, "1", "2.9.1"), another(tmp_path / "two", controller, "2", "2.9.1"):
            upgrade(controller, "2.9.2")
        stays = ("running", False, "2.9.2", "")
        assert record(controller, machine.client, version="2.9.2", reason="timed out") == stays


def test_only_controllers_speak_for_controllers(first: Controller) -> None:
    with first.admin() as admin:
        model = add_model(admin)
        with first.admin(model) as client:
            client.call("MachineManager", "AddMachines", {"params": [{"series": "bionic", "jobs": ["JobHostUnits"]}]})
    with Machine(first, model, "0").client as machine:
        for method in ("Controllers", "PrimaryDone", "ControllersMissing"):
            with pytest.raises(RpcError, match=r"^permission denied"):
                machine.call("LabAgent", method, {"version": "2.6.10", "what": "primary", "reason": ""})


def test_people_are_told_of_the_endpoints_that_the_lab_says(first: Controller) -> None:
    def servers(client: Client) -> list[list[tuple[str, int]]]:
        assert client.login is not None
        return [[(server["value"], server["port"]) for server in hosts] for hosts in client.login.raw["servers"]]

    with first.admin() as admin:
        assert servers(admin) == [[("127.0.0.1", first.port)]]
        for refused in ([], None):
            with pytest.raises(RpcError):
                admin.call("LabProvisioner", "SetEndpoints", {"endpoints": refused})
        admin.call("LabProvisioner", "SetEndpoints", {"endpoints": ["192.0.2.1:17071", "[2001:db8::1]:17072"]})
    with first.admin() as admin:
        assert servers(admin) == [[("192.0.2.1", 17071), ("2001:db8::1", 17072)]]
    # Machines know the lab's own name for them.
    with first.machine_zero() as zero:
        assert servers(zero) == [[("controller", 17070)]]


def test_who_may_not_and_what_cannot_be_had(first: Controller) -> None:
    with first.admin() as admin:
        bob = {"username": "bob", "display-name": "", "password": "pw-of-bob"}
        admin.call("UserManager", "AddUser", {"users": [bob]})
        three = {"specs": [{"num-controllers": 3}]}
        with first.user("bob", "pw-of-bob") as client:
            with pytest.raises(RpcError, match=r"^permission denied"):
                client.call("HighAvailability", "EnableHA", three)
            with pytest.raises(RpcError, match=r"^permission denied"):
                client.call("LabProvisioner", "SetEndpoints", {"endpoints": ["192.0.2.1:17071"]})
        placed = {"specs": [{"num-controllers": 3, "placement": ["lxd:0"]}]}
        (result,) = admin.call("HighAvailability", "EnableHA", placed)["results"]
        assert "unsupported placement" in result["error"]["message"]
        assert "lxd:0" in result["error"]["message"]
        # Nothing has come of either.
        assert admin.call("LabProvisioner", "Pending")["machines"] == []
