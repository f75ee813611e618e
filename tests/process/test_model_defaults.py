"""What the configuration of new models begins with, against a real controller."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jujulab_core.errors import RpcError
from jujulab_core.rpc import Client
from jujulab_core.rpc.results import check_all
from tests.support.controller_process import Controller, Streams, add_model, running

CLOUD = {"cloud-tag": "cloud-docker"}


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[Controller]:
    (tmp_path / "internet").mkdir()
    streams = Streams(tmp_path / "internet" / "tools")
    with running(tmp_path / "c", streams) as made:
        yield made
    streams.close()


def defaults(client: Client) -> dict[str, dict[str, object]]:
    answer = client.call("ModelManager", "ModelDefaultsForClouds", {"entities": [{"tag": "cloud-docker"}]})
    config: dict[str, dict[str, object]] = check_all(answer)[0]["config"]
    return config


def test_new_models_begin_with_the_controllers_defaults(controller: Controller) -> None:
    with controller.admin() as admin:
        changes = {"config": [{**CLOUD, "config": {"agent-stream": "proposed"}}]}
        check_all(admin.call("ModelManager", "SetModelDefaults", changes))
        assert defaults(admin)["agent-stream"] == {"default": "released", "controller": "proposed"}
        assert "agent-stream" not in admin.call("Controller", "ControllerConfig")["config"]
        made = add_model(admin, "made")
        with controller.admin(made) as client:
            config = client.call("ModelConfig", "ModelGet")["config"]
            assert config["agent-stream"] == {"value": "proposed", "source": "controller"}
        check_all(admin.call("ModelManager", "UnsetModelDefaults", {"keys": [{**CLOUD, "keys": ["agent-stream"]}]}))
        assert defaults(admin)["agent-stream"] == {"default": "released"}


def test_the_version_has_no_default(controller: Controller) -> None:
    with controller.admin() as admin:
        changes = {"config": [{**CLOUD, "config": {"agent-version": "2.6.10"}}]}
        answer = admin.call("ModelManager", "SetModelDefaults", changes)
        with pytest.raises(RpcError, match="agent-version cannot have a default value"):
            check_all(answer)
