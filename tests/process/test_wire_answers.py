"""What real clients read in answers, and what they may send, by era."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jujulab_core.errors import RpcError
from jujulab_core.rpc import Client
from jujulab_core.rpc.channel import dial, tls_context
from tests.fixtures.archives import good
from tests.support.controller_process import ADMIN_PASSWORD, Controller, Streams, add_model, running
from tests.support.websocket import WebSocket

NOBODY = "01234567-0000-4000-8000-000000000000"
UNKNOWN = {"message": f'unknown model: "{NOBODY}"', "code": "model not found"}
# What Backups@2 and 3 of python-libjuju want of every backup.
BACKUP_FIELDS = {
    *("base", "checksum", "checksum-format", "controller-machine-id", "controller-machine-inst-id", "controller-uuid"),
    *("filename", "finished", "format-version", "ha-nodes", "hostname", "id", "machine", "model", "notes", "size"),
    *("started", "stored", "version"),
}


def era(directory: Path, version: str, series: str) -> Iterator[Controller]:
    streams = Streams(directory / "tools")
    streams.publish(f"{version}-ubuntu-amd64")
    try:
        with running(directory / "controller", streams, version, series) as controller:
            yield controller
            assert "Traceback" not in controller.log()
    finally:
        streams.close()


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    yield from era(tmp_path_factory.mktemp("two"), "2.9.37", "focal")


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    yield from era(tmp_path_factory.mktemp("three"), "3.6.9", "jammy")


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    yield from era(tmp_path_factory.mktemp("four"), "4.0.1", "noble")


def refusal(client: Client, facade: str, method: str, params: dict[str, Any], **options: Any) -> tuple[str, str]:
    with pytest.raises(RpcError) as refused:
        client.call(facade, method, params, **options)
    return refused.value.message, refused.value.code


def deploy(client: Client, name: str, **options: Any) -> None:
    wanted = {"application": name, "charm-url": "ubuntu", "num-units": 1, **options}
    assert client.call("Application", "Deploy", {"applications": [wanted]}) == {"results": [{}]}


def test_what_was_asked_for_at_deployment_is_told_again(three: Controller) -> None:
    with three.admin() as admin:
        model = add_model(admin, "deployed")
    with three.admin(model) as client:
        client.call("ModelConfig", "SetModelConstraints", {"constraints": {"arch": "amd64"}})
        origin = {"track": "2", "risk": "edge", "revision": 7, "base": {"name": "ubuntu", "channel": "20.04"}}
        deploy(client, "app", **{"charm-origin": origin, "constraints": {"mem": 4096, "cores": 2, "tags": ["a", "b"]}})
        deploy(client, "plain")
        got = client.call("Application", "Get", {"application": "app"})
        assert got["base"] == {"name": "ubuntu", "channel": "20.04/stable"}
        assert (got["channel"], got["endpoint-bindings"]) == ("2/edge", {})
        assert got["constraints"] == {"mem": 4096, "cores": 2, "tags": ["a", "b"]}
        status = client.call("Client", "FullStatus")
        app, plain = status["applications"]["app"], status["applications"]["plain"]
        assert (app["charm"], app["charm-rev"], app["charm-channel"]) == ("ch:amd64/focal/ubuntu-7", 7, "2/edge")
        assert (plain["charm-rev"], plain["charm-channel"]) == (1, "stable")
        assert status["machines"]["0"]["constraints"] == "arch=amd64 cores=2 mem=4096M tags=a,b"
        assert status["machines"]["1"]["constraints"] == "arch=amd64"


def test_machines_keep_their_constraints_and_know_no_containers(three: Controller) -> None:
    with three.admin() as admin:
        model = add_model(admin, "machines")
    with three.admin(model) as client:
        asked = [
            {"constraints": {"mem": 1024, "root-disk": 8192}},
            {"placement": {"scope": "lxd", "directive": "0"}},
            {"placement": {"scope": "lxd"}},
            {"placement": {"scope": "zone", "directive": "a"}},
        ]
        first, *others = client.call("MachineManager", "AddMachines", {"params": asked})["machines"]
        assert first == {"machine": "0"}
        assert all("unsupported placement" in other["error"]["message"] for other in others)
        machines = client.call("Client", "FullStatus")["machines"]
        assert list(machines) == ["0"]
        assert machines["0"]["constraints"] == "mem=1024M root-disk=8192M"


def test_hardware_is_the_same_everywhere(three: Controller) -> None:
    hardware = {"arch": "amd64", "cores": 0, "mem": 0}
    with three.admin() as admin, three.admin(three.model) as client:
        entities = {"entities": [{"tag": f"model-{three.model}"}]}
        assert client.call("Client", "FullStatus")["machines"]["0"]["hardware"] == "arch=amd64 cores=0 mem=0M"
        info = admin.call("ModelManager", "ModelInfo", entities)["results"][0]["result"]
        assert info["machines"][0]["hardware"] == hardware
        status = admin.call("ModelManager", "ModelStatus", entities)["models"][0]
        assert status["model-machines"][0]["hardware"] == hardware
        watcher = client.call("Client", "WatchAll")["watcher-id"]
        told = client.call("AllWatcher", "Next", id=watcher)["deltas"]
        assert [data["hardware-characteristics"] for kind, _, data in told if kind == "machine"] == [hardware]


def test_an_application_is_exposed_and_no_more(three: Controller) -> None:
    with three.admin() as admin:
        model = add_model(admin, "exposed")
    with three.admin(model) as client:
        deploy(client, "web")
        for method, exposed in (("Expose", True), ("Unexpose", False)):
            assert client.call("Application", method, {"application": "web", "exposed-endpoints": None}) == {}
            assert client.call("Client", "FullStatus")["applications"]["web"]["exposed"] is exposed
        assert refusal(client, "Application", "Expose", {"application": "none"})[1] == "not found"


@pytest.mark.parametrize(("fixture", "series"), [("two", "focal"), ("three", "jammy")])
def test_a_models_series_is_that_of_its_machines(request: pytest.FixtureRequest, fixture: str, series: str) -> None:
    controller: Controller = request.getfixturevalue(fixture)
    with controller.admin() as admin:
        params = {"name": "series", "owner-tag": "user-admin", "cloud-tag": "cloud-docker", "config": {}}
        made = admin.call("ModelManager", "CreateModel", params)
        entities = {"entities": [{"tag": f"model-{made['uuid']}"}]}
        told = [made, admin.call("ModelManager", "ModelInfo", entities)["results"][0]["result"]]
        summaries = admin.call("ModelManager", "ListModelSummaries", {"user-tag": "user-admin", "all": True})
        told += [entry["result"] for entry in summaries["results"] if entry["result"]["uuid"] == made["uuid"]]
        assert [entry["default-series"] for entry in told] == [series] * 3
        with controller.admin(made["uuid"]) as client:
            client.call("MachineManager", "AddMachines", {"params": [{}]})
            assert client.call("Client", "FullStatus")["machines"]["0"]["series"] == series


def test_a_base_and_a_series_are_one_setting(three: Controller) -> None:
    with three.admin() as admin:
        model = add_model(admin, "based", **{"default-base": "ubuntu@20.04"})
        info = admin.call("ModelManager", "ModelInfo", {"entities": [{"tag": f"model-{model}"}]})
        assert info["results"][0]["result"]["default-base"] == "ubuntu@20.04/stable"
    with three.admin(model) as client:

        def both() -> list[Any]:
            config = client.call("ModelConfig", "ModelGet")["config"]
            return [config[key]["value"] for key in ("default-base", "default-series")]

        assert both() == ["ubuntu@20.04", "focal"]
        client.call("MachineManager", "AddMachines", {"params": [{}]})
        assert client.call("Client", "FullStatus")["machines"]["0"]["series"] == "focal"
        client.call("ModelConfig", "ModelSet", {"config": {"default-base": "ubuntu@24.04/stable"}})
        assert both() == ["ubuntu@24.04", "noble"]
        client.call("ModelConfig", "ModelSet", {"config": {"default-series": "jammy"}})
        assert both() == ["ubuntu@22.04", "jammy"]
        wrong = {"config": {"default-base": "windows@11"}}
        assert refusal(client, "ModelConfig", "ModelSet", wrong) == ('base "windows@11" not valid', "bad request")
        client.call("ModelConfig", "ModelUnset", {"keys": ["default-base"]})
        assert both() == ["", ""]


@pytest.mark.parametrize(
    ("fixture", "there", "absent"),
    [
        ("two", {"default-series"}, {"default-base"}),
        ("three", {"default-series", "default-base"}, set()),
        ("four", {"default-base"}, {"default-series"}),
    ],
)
def test_settings_that_every_client_reads(
    request: pytest.FixtureRequest, fixture: str, there: set[str], absent: set[str]
) -> None:
    controller: Controller = request.getfixturevalue(fixture)
    with controller.admin(controller.model) as client:
        config = client.call("ModelConfig", "ModelGet")["config"]
        assert there | {"max-action-results-age", "net-bond-reconfigure-delay"} <= set(config)
        assert not absent & set(config)
        assert config["net-bond-reconfigure-delay"]["value"] == 17
        wrong = {"config": {"net-bond-reconfigure-delay": "long"}}
        assert "expected number" in refusal(client, "ModelConfig", "ModelSet", wrong)[0]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"cloud-tag": "cloud-aws"}, 'cloud "aws" not found'),
        ({"region": "us-east-1"}, 'region "us-east-1" not found'),
        ({"credential": "cloudcred-docker_admin_mine"}, 'credential "docker_admin_mine" not found'),
    ],
)
def test_a_model_is_made_nowhere_else(three: Controller, changed: dict[str, str], message: str) -> None:
    params = {"name": "elsewhere", "owner-tag": "user-admin", "cloud-tag": "cloud-docker", "region": "test"}
    with three.admin() as admin:
        assert refusal(admin, "ModelManager", "CreateModel", params | changed) == (message, "not found")
        mine = params | {"credential": "cloudcred-docker_admin_test", "name": "here"}
        if changed.get("region"):
            assert admin.call("ModelManager", "CreateModel", mine)["name"] == "here"


def test_from_4_0_on_a_model_has_a_qualifier_and_no_owner(four: Controller) -> None:
    gone = {"owner-tag", "sla", "default-series"}
    with four.admin() as admin:
        params = {"name": "prod", "qualifier": "admin", "cloud-tag": "cloud-docker"}
        made = admin.call("ModelManager", "CreateModel", params)
        entities = {"entities": [{"tag": f"model-{made['uuid']}"}]}
        summaries = admin.call("ModelManager", "ListModelSummaries", {"user-tag": "user-admin", "all": True})
        listed = admin.call("ModelManager", "ListModels", {"tag": "user-admin"})["user-models"]
        told = [made, admin.call("ModelManager", "ModelInfo", entities)["results"][0]["result"]]
        told += [entry["result"] for entry in summaries["results"]] + [entry["model"] for entry in listed]
        assert [(entry["qualifier"], gone & set(entry)) for entry in told] == [("admin", set())] * 6
        old = admin.call("ModelManager", "ModelInfo", entities, version=10)["results"][0]["result"]
        assert old["owner-tag"] == "user-admin"
        assert gone <= set(old)
        assert refusal(admin, "ModelManager", "CreateModel", params | {"name": "x", "qualifier": "nobody"}) == (
            'user "nobody" not found',
            "user not found",
        )
        abort = {"model-tag": f"model-{made['uuid']}"}
        assert refusal(admin, "ModelUpgrader", "AbortModelUpgrade", abort)[1] == "not supported"


def test_backups_of_every_version_say_where_they_are_from(two: Controller, three: Controller) -> None:
    with two.admin(two.model) as client:
        made = client.call("Backups", "Create", {"notes": "", "keep-copy": True}, version=2)
        told = [made, client.call("Backups", "Info", {"id": made["id"]}, version=2)]
        told += client.call("Backups", "List", version=2)["list"]
        assert len(told) == 3
        for entry in told:
            assert set(entry) >= (BACKUP_FIELDS - {"base"}) | {"series", "ca-cert"}
            assert entry["controller-uuid"] == two.uuid
        for method, params in (("List", {}), ("Info", {"id": made["id"]}), ("Remove", {"ids": []})):
            assert refusal(client, "Backups", method, params, version=3) == (
                f"no such request - method Backups(3).{method} is not implemented",
                "not implemented",
            )
    with three.admin(three.model) as client:
        assert set(client.call("Backups", "Create", {"notes": "", "no-download": True})) >= BACKUP_FIELDS


def test_entries_of_errors_have_what_is_never_left_out(three: Controller) -> None:
    with three.admin() as admin, three.admin(three.model) as client:
        (entry,) = admin.call("ModelManager", "ModelStatus", {"entities": [{"tag": f"model-{NOBODY}"}]})["models"]
        required = {"application-count", "hosted-machine-count", "life", "model-tag", "owner-tag", "unit-count"}
        assert set(entry) >= required | {"error"}
        (entry,) = client.call("SSHClient", "AllAddresses", {"entities": [{"tag": "machine-77"}]})["results"]
        assert (entry["addresses"], entry["error"]["code"]) == ([], "not found")


def test_binaries_are_where_the_client_reaches_them(two: Controller) -> None:
    here = f"https://127.0.0.1:{two.port}/model/{two.model}/tools/"
    with two.admin(two.model) as client:
        found = client.call("Client", "FindTools", {"major": 2, "minor": -1})["list"]
        assert found
        assert all(entry["url"] == here + entry["version"] for entry in found)
    path = f"/model/{two.model}/tools?binaryVersion=2.9.37-ubuntu-arm64"
    status, answer = request(two, "POST", path, good(), {"Content-Type": "application/x-tar-gz"})
    assert (status, answer["tools"][0]["url"]) == (200, f"{here}2.9.37-ubuntu-arm64")


def authorization() -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"user-admin:{ADMIN_PASSWORD}".encode()).decode()}


def request(
    controller: Controller, verb: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("juju-apiserver")
    connection.sock = dial(f"127.0.0.1:{controller.port}", tls_context(controller.ca), 10)
    try:
        connection.request(verb, path, body, authorization() | (headers or {}))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_a_model_that_there_is_not_is_unknown_on_every_path(two: Controller) -> None:
    for verb, path, body in (
        ("GET", "tools/2.9.37-ubuntu-amd64", None),
        ("POST", "tools?binaryVersion=2.9.37-ubuntu-amd64", b"x"),
    ):
        headers = {"Content-Type": "application/x-tar-gz"}
        assert request(two, verb, f"/model/{NOBODY}/{path}", body, headers) == (404, {"error": UNKNOWN})
    address = f"wss://127.0.0.1:{two.port}/model/{NOBODY}/log"
    with WebSocket(address, ssl=tls_context(two.ca), additional_headers=authorization()) as socket:
        assert json.loads(socket.recv(timeout=10)) == {"error": UNKNOWN}


def test_who_watches_a_model_hears_of_its_end(two: Controller) -> None:
    with two.admin() as admin:
        model = add_model(admin, "gone")
        with two.admin(model) as client:
            deploy(client, "app")
            watcher = client.call("Client", "WatchAll")["watcher-id"]
            told = client.call("AllWatcher", "Next", id=watcher)["deltas"]
            waiting = client.submit("AllWatcher", "Next", id=watcher)
            admin.call("ModelManager", "DestroyModels", {"models": [{"model-tag": f"model-{model}"}]})
            removed = waiting.result(10)["deltas"]
            assert {change for _, change, _ in removed} == {"remove"}
            assert len(removed) == len(told)
            assert {kind for kind, _, _ in removed} == {"model", "machine", "application", "charm", "unit"}
            wrong = (f'unknown model: "{model}"', "model not found")
            assert refusal(client, "AllWatcher", "Next", {}, id=watcher) == wrong
