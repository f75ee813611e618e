from __future__ import annotations

from collections.abc import Iterator

import pytest

from jujulab_core.errors import RpcError
from tests.support.controller_process import Controller, Machine, Streams, add_model, running


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Streams]:
    made = Streams(tmp_path_factory.mktemp("internet") / "tools")
    made.publish("2.6.4-bionic-amd64", "2.6.10-bionic-amd64")
    yield made
    made.close()


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory, streams: Streams) -> Iterator[Controller]:
    with running(tmp_path_factory.mktemp("controller"), streams) as made:
        yield made


def test_the_first_start_uses_up_the_parameters(controller: Controller) -> None:
    data = controller.directory / "data"
    assert not (data / "bootstrap-params").exists()
    assert not (data / "bootstrap-tools.tar.gz").exists()
    assert oct((data / "server.pem").stat().st_mode & 0o777) == "0o600"
    with controller.admin() as admin:
        binaries = admin.call("LabProvisioner", "Binaries")
    assert [entry["version"] for entry in binaries["binaries"]] == ["2.6.4-bionic-amd64"]
    assert sorted(entry["version"] for entry in binaries["internet"]) == ["2.6.10-bionic-amd64", "2.6.4-bionic-amd64"]
    assert binaries["internet-error"] == ""


def test_a_certificate_that_is_right_is_not_written_anew(controller: Controller) -> None:
    path = controller.directory / "data" / "server.pem"
    good, written = path.read_text(), path.stat().st_ino
    controller.stop()
    controller.start()
    controller.admin().close()
    assert path.stat().st_ino == written
    path.write_text(good[:100])
    controller.stop()
    controller.start()
    controller.admin().close()
    assert path.read_text() == good
    assert oct(path.stat().st_mode & 0o777) == "0o600"


def test_a_machine_from_nothing_to_started(controller: Controller) -> None:
    with controller.admin() as admin:
        model = add_model(admin, "one")
        with controller.admin(model) as client:
            assert client.call("MachineManager", "AddMachines", {"params": [{"series": "bionic"}]}) == {
                "machines": [{"machine": "0"}]
            }
            pending = admin.call("LabProvisioner", "Pending")
            assert [m["id"] for m in pending["machines"] if m["model-uuid"] == model] == ["0"]
            assert f"juju-{model[-6:]}-0" in pending["instances"]
            machine = Machine(controller, model, "0")
            machine.report("2.6.4-bionic-amd64")
            machine.client.call(
                "Machiner",
                "SetMachineAddresses",
                {"machine-addresses": [{"tag": "machine-0", "addresses": [{"value": "10.0.0.7"}]}]},
            )
            status = client.call("Client", "FullStatus", {"patterns": None})
            entry = status["machines"]["0"]
            assert entry["agent-status"]["status"] == "started"
            assert entry["agent-status"]["version"] == "2.6.4"
            assert entry["dns-name"] == "10.0.0.7"
            pending = admin.call("LabProvisioner", "Pending")
            assert model not in {m["model-uuid"] for m in pending["machines"]}
            with pytest.raises(RpcError, match="already provisioned"):
                Machine(controller, model, "0")
            machine.client.close()
