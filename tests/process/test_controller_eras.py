from __future__ import annotations

from collections.abc import Iterator

import pytest

from jujulab_core.errors import RpcError
from tests.support.controller_process import Controller, Streams, add_model, running


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Streams]:
    made = Streams(tmp_path_factory.mktemp("internet") / "tools")
    made.publish("3.6.8-ubuntu-amd64", "3.6.9-ubuntu-amd64", "3.6.10-ubuntu-amd64")
    yield made
    made.close()


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory, streams: Streams) -> Iterator[Controller]:
    with running(tmp_path_factory.mktemp("controller"), streams, "3.6.9", "jammy") as made:
        yield made


def test_the_controller_chooses(controller: Controller) -> None:
    with controller.admin() as admin:
        assert admin.login is not None
        offered = {facade["name"]: facade["versions"] for facade in admin.login.raw["facades"]}
        assert offered["ModelUpgrader"] == [1]
        assert offered["ModelManager"] == [9, 10]
        machine = controller.machine_zero()
        tools = {"agent-tools": [{"tag": "machine-0", "tools": {"version": "3.6.9-ubuntu-amd64"}}]}
        machine.call("Upgrader", "SetTools", tools)
        machine.close()
        ask = {"model-tag": f"model-{controller.model}", "target-version": "0.0.0", "agent-stream": ""}
        answer = admin.call("ModelUpgrader", "UpgradeModel", ask | {"dry-run": True})
        assert answer == {"chosen-version": "3.6.10"}
        assert admin.call("LabUpgrades", "List") == {"upgrades": []}

        low = admin.call("ModelUpgrader", "UpgradeModel", ask | {"target-version": "3.6.8"})
        assert low["error"]["code"] in ("already exists", "not supported")
        hosted = add_model(admin, **{"agent-version": "3.6.8"})
        mine = ask | {"model-tag": f"model-{hosted}"}
        with pytest.raises(RpcError, match="greater than that of the controller"):
            admin.call("ModelUpgrader", "UpgradeModel", mine | {"target-version": "3.6.10"})
        assert admin.call("ModelUpgrader", "UpgradeModel", mine) == {"chosen-version": "3.6.9"}
        (record,) = admin.call("LabUpgrades", "List")["upgrades"]
        assert (record["from"], record["to"], record["status"]) == ("3.6.8", "3.6.9", "running")
        admin.call("ModelUpgrader", "AbortModelUpgrade", {"model-tag": f"model-{hosted}"})
        assert admin.call("LabUpgrades", "List")["upgrades"][0]["status"] == "aborted"


def test_calls_of_the_old_clients_are_gone(controller: Controller) -> None:
    with controller.admin(controller.model) as client:
        for method in ("SetModelAgentVersion", "AbortCurrentUpgrade", "AgentVersion", "ModelInfo"):
            with pytest.raises(RpcError, match="is not implemented"):
                client.call("Client", method)
        status = client.call("Client", "FullStatus", {"patterns": None, "include-storage": True})
        assert status["machines"]["0"]["base"] == {"name": "ubuntu", "channel": "22.04/stable"}
        assert status["storage"] == []
