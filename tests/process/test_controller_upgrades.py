from __future__ import annotations

import concurrent.futures
import re
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jujulab_core.errors import RpcError
from jujulab_core.rpc import Client
from tests.support.controller_process import Controller, Machine, Streams, add_model, running


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Streams]:
    made = Streams(tmp_path_factory.mktemp("internet") / "tools")
    made.publish("2.6.4-bionic-amd64", "2.6.10-bionic-amd64", "2.7.0-bionic-amd64", size=300_000)
    made.publish("2.8.0-bionic-amd64", stream="proposed")
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, streams: Streams) -> Iterator[Controller]:
    """For tests that leave it as it was."""
    with running(tmp_path_factory.mktemp("shared"), streams) as made:
        yield made


@pytest.fixture
def controller(tmp_path: Path, streams: Streams) -> Iterator[Controller]:
    with running(tmp_path / "c", streams) as made:
        yield made


def set_version(client: Client, version: str, **params: Any) -> dict[str, Any]:
    return client.call("Client", "SetModelAgentVersion", {"version": version, **params})


def model_version(client: Client) -> str:
    return str(client.call("Client", "FullStatus", {"patterns": None})["model"]["version"])


def download(controller: Controller, path: str) -> bytes:
    context = ssl.create_default_context(cadata=controller.ca)
    with urllib.request.urlopen(f"https://127.0.0.1:{controller.port}{path}", context=context) as answer:
        assert answer.headers["Content-Type"] == "application/x-tar-gz"
        return bytes(answer.read())


def test_a_hosted_model_never_goes_above_its_controller(shared: Controller) -> None:
    with shared.admin() as admin, shared.admin(add_model(admin)) as client:
        with pytest.raises(RpcError) as refused:
            set_version(client, "2.7.0")
        assert refused.value.message == (
            "model cannot be upgraded to 2.7.0 while the controller is 2.6.4: upgrade 'controller' model first"
        )
        assert model_version(client) == "2.6.4"
        assert admin.call("LabUpgrades", "List")["upgrades"] == []


def test_versions_that_can_be_had(shared: Controller) -> None:
    with shared.admin(shared.model) as client:

        def find(stream: str) -> list[str]:
            params = {"major": 2, "minor": -1, "number": "0.0.0", "agentstream": stream, "series": None}
            found = client.call("Client", "FindTools", params)["list"]
            assert all(len(entry["sha256"]) == 64 and entry["size"] > 0 for entry in found)
            return sorted(entry["version"].split("-")[0] for entry in found)

        assert find("") == ["2.6.10", "2.6.4", "2.7.0"]
        assert find("proposed") == ["2.6.10", "2.6.4", "2.7.0", "2.8.0"]
        none = client.call("Client", "FindTools", {"major": 3, "minor": -1, "number": "0.0.0"})
        assert none["error"] == {"message": "no matching agent binaries available", "code": "not found"}


def test_the_controllers_upgrade_from_request_to_done(controller: Controller) -> None:
    machine = controller.machine_zero()
    tools = {"agent-tools": [{"tag": "machine-0", "tools": {"version": "2.6.4-bionic-amd64"}}]}
    machine.call("Upgrader", "SetTools", tools)
    entity = {"entities": [{"tag": "machine-0"}]}
    watcher = machine.call("Upgrader", "WatchAPIVersion", entity)["results"][0]["NotifyWatcherId"]
    machine.call("NotifyWatcher", "Next", id=watcher)
    waiting = machine.submit("NotifyWatcher", "Next", id=watcher)
    with controller.admin() as admin:
        hosted = add_model(admin)
    orchestrator = controller.orchestrator()
    upgrades = orchestrator.call("LabOrchestrator", "WatchUpgrades")["watcher-id"]
    orchestrator.call("NotifyWatcher", "Next", id=upgrades)
    claim = orchestrator.call("LabOrchestrator", "Claim", {"holder": "a", "ttl": 15})
    assert (claim["granted"], claim["token"]) == (True, 1)

    with controller.admin(controller.model) as client:
        rollout = {"canary": 1, "batch": "25%"}
        assert set_version(client, "2.7.0", rollout=rollout) == {}
        assert model_version(client) == "2.7.0"
        with pytest.raises(RpcError, match="some agents have not upgraded"):
            set_version(client, "2.6.10")
        busy = client.call("Client", "FullStatus")["model"]["model-status"]
        assert busy["status"] == "busy"
        assert busy["info"].startswith('upgrade in progress since "')

    waiting.result(5)
    orchestrator.call("NotifyWatcher", "Next", id=upgrades, timeout=5)
    assert machine.call("Upgrader", "DesiredVersion", entity) == {"results": [{"version": "2.7.0"}]}
    found = machine.call("Upgrader", "Tools", entity)["results"][0]["tools"][0]
    assert found["version"] == "2.7.0-bionic-amd64"
    assert found["url"] == f"https://controller:17070/model/{controller.model}/tools/2.7.0-bionic-amd64"
    stage = {"tag": "machine-0", "version": "2.7.0-bionic-amd64", "state": "staged", "reason": ""}
    machine.call("LabAgent", "Stage", stage)

    (upgrade,) = orchestrator.call("LabOrchestrator", "ActiveUpgrades")["upgrades"]
    assert (upgrade["from"], upgrade["to"], upgrade["status"]) == ("2.6.4", "2.7.0", "running")
    assert upgrade["is-controller"] is True
    assert upgrade["options"]["canary"] == 1
    (host,) = upgrade["machines"]
    assert host["host-key"] == "ssh-ed25519 AAAAcontroller"
    (agent,) = host["agents"]
    assert agent["tag"] == "machine-0"
    assert (agent["connected"], agent["logins"], agent["staged"]) == (True, 1, "2.7.0")
    assert agent["binary"] == "2.7.0-bionic-amd64"
    assert agent["sha256"] == found["sha256"]

    change = {"tag": "machine-0", "phase": "swapping", "reason": "", "deadline": None}
    record = {"token": 1, "upgrade": upgrade["id"], "changes": [change]}
    assert orchestrator.call("LabOrchestrator", "Record", record) == {}
    with pytest.raises(RpcError, match="lease is held by another") as lost:
        orchestrator.call("LabOrchestrator", "Record", record | {"token": 0})
    assert lost.value.code == "leadership claim denied"

    # The new code: the controller starts as 2.7.0 and is in upgrade mode until the record is complete.
    controller.kill()
    machine.close()
    orchestrator.close()
    controller.start("2.7.0")
    with controller.admin() as admin:
        assert admin.login is not None
        assert admin.login.server_version == "2.7.0"
        with pytest.raises(RpcError) as limited:
            admin.call("ModelManager", "ListModels", {"tag": "user-admin"})
        assert (limited.value.message, limited.value.code) == ("upgrade in progress", "upgrade in progress")
        admin.call("Pinger", "Ping")
    with controller.admin(controller.model) as client:
        assert model_version(client) == "2.7.0"
    machine = controller.machine_zero()
    tools = {"agent-tools": [{"tag": "machine-0", "tools": {"version": "2.7.0-bionic-amd64"}}]}
    machine.call("Upgrader", "SetTools", tools)
    with controller.orchestrator() as orchestrator:
        (upgrade,) = orchestrator.call("LabOrchestrator", "ActiveUpgrades")["upgrades"]
        (agent,) = upgrade["machines"][0]["agents"]
        assert (agent["phase"], agent["version"], agent["logins"]) == ("swapping", "2.7.0", 2)
        done = {"token": 1, "upgrade": upgrade["id"], "status": "complete"}
        done["changes"] = [{"tag": "machine-0", "phase": "done", "reason": ""}]
        orchestrator.call("LabOrchestrator", "Record", done)
        assert orchestrator.call("LabOrchestrator", "ActiveUpgrades") == {"upgrades": []}
    with controller.admin() as admin:
        assert admin.call("LabUpgrades", "Get", {"id": upgrade["id"]})["status"] == "complete"
        assert admin.call("Controller", "ControllerVersion")["version"] == "2.7.0"
    with controller.admin(controller.model) as client:
        state = client.call("Client", "FullStatus")["model"]["model-status"]
        assert state["status"] == "available"
        assert re.fullmatch(r'upgraded on "[-\d]+T[:\d]+Z"', state["info"])
    with controller.admin(hosted) as client:
        set_version(client, "2.7.0")
        assert model_version(client) == "2.7.0"
    machine.close()


def report_zero(controller: Controller, version: str) -> None:
    with controller.machine_zero() as machine:
        tools = {"agent-tools": [{"tag": "machine-0", "tools": {"version": f"{version}-bionic-amd64"}}]}
        machine.call("Upgrader", "SetTools", tools)


def record_controllers(controller: Controller, phase: str, status: str) -> None:
    """What an orchestrator makes of the controller's newest upgrade."""
    with controller.orchestrator() as orchestrator:
        token = orchestrator.call("LabOrchestrator", "Claim", {"holder": "test", "ttl": 15})["token"]
        (upgrade,) = orchestrator.call("LabOrchestrator", "ActiveUpgrades")["upgrades"]
        changes = [{"tag": "machine-0", "phase": phase, "reason": "upgrade to 2.7.0 failed (giving up): boom"}]
        said = {"token": token, "upgrade": upgrade["id"], "changes": changes, "status": status}
        orchestrator.call("LabOrchestrator", "Record", said)


@pytest.mark.parametrize("how", ["retried", "put aside"])
def test_a_controller_whose_steps_gave_up_stays_in_upgrade_mode(controller: Controller, how: str) -> None:
    with controller.admin() as admin:
        hosted = add_model(admin)
    report_zero(controller, "2.6.4")
    with controller.admin(controller.model) as client:
        set_version(client, "2.7.0")
    record_controllers(controller, "restarting", "")
    controller.kill()
    controller.start("2.7.0")
    report_zero(controller, "2.7.0")
    record_controllers(controller, "failed", "failed")
    with controller.admin(controller.model) as client, controller.admin(hosted) as other:
        state = client.call("Client", "FullStatus")["model"]["model-status"]
        assert state["status"] == "busy"
        for refused in (client, other):
            with pytest.raises(RpcError, match="upgrade in progress"):
                refused.call("ModelConfig", "ModelGet")
        if how == "retried":
            with controller.admin() as admin:
                admin.call("LabUpgrades", "Control", {"id": 1, "action": "retry", "machines": []})
            record_controllers(controller, "done", "complete")
        else:
            other.call("Client", "AbortCurrentUpgrade")
        assert client.call("ModelConfig", "ModelGet")["config"]["agent-version"]["value"] == "2.7.0"
        state = client.call("Client", "FullStatus")["model"]["model-status"]
        assert state["info"].startswith("upgraded on" if how == "retried" else "last upgrade aborted on")
        set_version(other, "2.7.0")


def test_a_controllers_upgrade_that_never_began_stands_in_nobodys_way(controller: Controller) -> None:
    report_zero(controller, "2.6.4")
    with controller.admin(controller.model) as client:
        set_version(client, "2.7.0")
        record_controllers(controller, "failed", "failed")
        assert "aborted" in client.call("Client", "FullStatus")["model"]["model-status"]["info"]
        set_version(client, "2.6.10", force=True)


def test_a_hosted_models_reset_puts_the_controllers_record_aside(controller: Controller) -> None:
    with controller.admin() as admin, controller.admin(add_model(admin)) as hosted:
        report_zero(controller, "2.6.4")
        with controller.admin(controller.model) as client:
            set_version(client, "2.6.10")
        with pytest.raises(RpcError, match="upgrade in progress"):
            set_version(hosted, "2.6.3", force=True)
        hosted.call("Client", "AbortCurrentUpgrade")
        assert [entry["status"] for entry in admin.call("LabUpgrades", "List")["upgrades"]] == ["aborted"]
        set_version(hosted, "2.6.3", force=True, **{"ignore-missing-binaries": True})


def test_a_hosted_upgrade_waits_for_the_controllers_own(controller: Controller) -> None:
    with controller.admin() as admin, controller.admin(add_model(admin)) as hosted, controller.orchestrator() as other:

        def waits() -> dict[int, int | None]:
            upgrades = other.call("LabOrchestrator", "ActiveUpgrades")["upgrades"]
            return {upgrade["id"]: upgrade["waits-for"] for upgrade in upgrades}

        report_zero(controller, "2.6.4")
        hosted.call("MachineManager", "AddMachines", {"params": [{"series": "bionic"}]})
        set_version(hosted, "2.6.3", force=True, **{"ignore-missing-binaries": True})
        assert waits() == {1: None}
        with controller.admin(controller.model) as client:
            set_version(client, "2.6.10")
            assert waits() == {1: 2, 2: None}
            client.call("Client", "AbortCurrentUpgrade")
        assert waits() == {1: None}


def test_units_follow_what_their_machine_reported(controller: Controller) -> None:
    with controller.admin() as admin, controller.admin(model := add_model(admin)) as client:
        deploy = {"application": "ubuntu", "charm-url": "cs:ubuntu-12", "num-units": 1, "placement": None}
        assert client.call("Application", "Deploy", {"applications": [deploy]}) == {"results": [{}]}
        machine = Machine(controller, model, "0")
        watched = machine.client.call("Deployer", "WatchUnits", {"entities": [{"tag": "machine-0"}]})["results"][0]
        assert watched["changes"] == ["ubuntu/0"]
        machine.report("2.6.4-bionic-amd64")
        unit = machine.unit("unit-ubuntu-0")
        entity = {"entities": [{"tag": "unit-ubuntu-0"}]}
        assert unit.call("Upgrader", "DesiredVersion", entity) == {"results": [{"version": "2.6.4"}]}
        watcher = unit.call("Upgrader", "WatchAPIVersion", entity)["results"][0]["NotifyWatcherId"]
        unit.call("NotifyWatcher", "Next", id=watcher)
        waiting = unit.submit("NotifyWatcher", "Next", id=watcher)
        machine.report("2.6.3-bionic-amd64")
        waiting.result(5)
        assert unit.call("Upgrader", "DesiredVersion", entity) == {"results": [{"version": "2.6.3"}]}
        config = unit.call("LabAgent", "UnitConfig", {"tag": "unit-ubuntu-0"})
        assert config["port"] == 8080
        with pytest.raises(RpcError, match=r"not upgraded to the current model version 2\.6\.4: unit-ubuntu-0"):
            set_version(client, "2.6.3")

        relate = machine.client.submit("StringsWatcher", "Next", id=watched["watcher-id"])
        nrpe = {"application": "nrpe", "charm-url": "nrpe", "num-units": 1, "subordinate": True}
        assert client.call("Application", "Deploy", {"applications": [nrpe]}) == {"results": [{}]}
        client.call("Application", "AddRelation", {"endpoints": ["ubuntu", "nrpe"]})
        assert relate.result(5) == {"changes": ["nrpe/0"]}
        status = client.call("Client", "FullStatus")["applications"]
        assert list(status["ubuntu"]["units"]["ubuntu/0"]["subordinates"]) == ["nrpe/0"]
        assert status["nrpe"]["subordinate-to"] == ["ubuntu"]

        removed = machine.client.submit("StringsWatcher", "Next", id=watched["watcher-id"])
        client.call("Application", "DestroyApplication", {"applications": [{"application-tag": "application-ubuntu"}]})
        assert sorted(removed.result(5)["changes"]) == ["nrpe/0", "ubuntu/0"]
        life = machine.client.call("Deployer", "Life", {"entities": [{"tag": "unit-ubuntu-0"}]})
        assert life == {"results": [{"life": "dead"}]}
        unit.close()
        machine.client.close()


def test_one_fetch_however_many_ask(shared: Controller, streams: Streams) -> None:
    barrier = threading.Barrier(12)
    streams.hits.clear()

    def ask(_: int) -> bytes:
        barrier.wait(10)
        return download(shared, f"/model/{shared.model}/tools/2.6.10-bionic-amd64")

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = set(pool.map(ask, range(12)))
    assert [len(answer) for answer in answers] == [300_000]
    assert [hit for hit in streams.hits if hit.endswith(".tgz")] == ["/released/juju-2.6.10-bionic-amd64.tgz"]


@pytest.mark.parametrize(
    ("version", "why"),
    [
        ("2.6.99-bionic-amd64", "no matching agent binaries available"),
        ("rubbish", "invalid binary version"),
    ],
)
def test_a_miss_that_cannot_be_mended(shared: Controller, version: str, why: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        download(shared, f"/tools/{version}")
    with refused.value:
        assert refused.value.code == 400
        text = refused.value.read().decode()
    assert "error fetching agent binaries: " in text
    assert why in text


def test_what_is_not_what_was_promised_is_not_served(shared: Controller, streams: Streams) -> None:
    path = streams.directory / "released" / "juju-2.7.0-bionic-amd64.tgz"
    good = path.read_bytes()
    try:
        for bad, why in (
            (good[:-1], "size mismatch"),
            (good + b"x", "size mismatch"),
            (b"x" * len(good), "hash mismatch"),
        ):
            path.write_bytes(bad)
            with pytest.raises(urllib.error.HTTPError) as refused:
                download(shared, "/tools/2.7.0-bionic-amd64")
            with refused.value:
                assert why in refused.value.read().decode()
        assert list((shared.directory / "data" / "db" / "binaries" / "partial").iterdir()) == []
    finally:
        path.write_bytes(good)
    assert download(shared, "/tools/2.7.0-bionic-amd64") == good


def test_metadata_of_another_signer_is_refused(shared: Controller, streams: Streams) -> None:
    index = streams.directory / "streams" / "v1" / "index2.sjson"
    good = index.read_bytes()
    try:
        for bad, why in ((good.replace(b"released", b"relaesed"), "bad signature"), (b"{}", "no PGP signature")):
            index.write_bytes(bad)
            with shared.admin() as admin:
                answer = admin.call("LabProvisioner", "Binaries")
            assert answer["internet"] == []
            assert why in answer["internet-error"]
    finally:
        index.write_bytes(good)


def test_an_upgrade_can_be_aborted(controller: Controller) -> None:
    with controller.admin(controller.model) as client, controller.admin() as admin:
        set_version(client, "2.6.10", force=True)
        with pytest.raises(RpcError, match="upgrade in progress"):
            set_version(client, "2.7.0", force=True)
        client.call("Client", "AbortCurrentUpgrade")
        assert admin.call("LabUpgrades", "List")["upgrades"][0]["status"] == "aborted"
        assert "last upgrade aborted on" in client.call("Client", "FullStatus")["model"]["model-status"]["info"]
        set_version(client, "2.7.0", force=True)


def test_the_models_configuration_says_how_upgrades_proceed_unless_the_request_does(controller: Controller) -> None:
    with controller.admin() as admin, controller.admin(controller.model) as client:
        client.call("ModelConfig", "ModelSet", {"config": {"rollout-canary": "1", "rollout-batch": "25%"}})
        set_version(client, "2.6.10", force=True)
        (upgrade,) = admin.call("LabUpgrades", "List")["upgrades"]
        assert (upgrade["options"]["canary"], upgrade["options"]["batch"]) == (1, "25%")
        client.call("Client", "AbortCurrentUpgrade")
        set_version(client, "2.7.0", rollout={"batch": "2"}, force=True)
        newest = max(admin.call("LabUpgrades", "List")["upgrades"], key=lambda entry: entry["id"])
        assert (newest["options"]["canary"], newest["options"]["batch"]) == (0, "2")
