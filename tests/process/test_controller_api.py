from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from jujulab_core.errors import RpcError
from jujulab_core.rpc import Client
from jujulab_core.rpc.channel import tls_context
from tests.support.controller_process import ADMIN_PASSWORD, Controller, Machine, Streams, add_model, running
from tests.support.websocket import WebSocket


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Streams]:
    made = Streams(tmp_path_factory.mktemp("internet") / "tools")
    made.publish("2.6.4-bionic-amd64")
    yield made
    made.close()


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory, streams: Streams) -> Iterator[Controller]:
    with running(tmp_path_factory.mktemp("controller"), streams) as made:
        yield made


@pytest.fixture(scope="module")
def model(controller: Controller) -> str:
    with controller.admin() as admin:
        return add_model(admin, "prod")


@pytest.fixture
def client(controller: Controller, model: str) -> Iterator[Client]:
    with controller.admin(model) as made:
        yield made


def refusal(call: Any) -> tuple[str, str]:
    with pytest.raises(RpcError) as refused:
        call()
    return refused.value.message, refused.value.code


@pytest.mark.parametrize(
    ("tag", "password", "message", "code"),
    [
        ("user-admin", "wrong", "invalid entity name or password", "unauthorized access"),
        ("user-nobody", "x", "invalid entity name or password", "unauthorized access"),
        ("rubbish", "x", "invalid entity name or password", "unauthorized access"),
        ("machine-0", "x", "invalid entity name or password", "unauthorized access"),
        ("orchestrator-0", "x", "invalid entity name or password", "unauthorized access"),
        ("", "", "no credentials provided", "no credentials provided"),
    ],
)
def test_refused_logins(controller: Controller, tag: str, password: str, message: str, code: str) -> None:
    with controller.connect() as client:
        assert refusal(lambda: client.log_in(tag, password)) == (message, code)
        assert refusal(lambda: client.call("Client", "FullStatus", version=1)) == (
            "not logged in",
            "unauthorized access",
        )


def test_what_a_login_is_told(controller: Controller, client: Client, model: str) -> None:
    assert client.login is not None
    raw = client.login.raw
    assert raw["model-tag"] == f"model-{model}"
    assert raw["controller-tag"] == f"controller-{controller.uuid}"
    assert raw["servers"] == [
        [{"value": "127.0.0.1", "type": "ipv4", "scope": "local-machine", "port": controller.port}]
    ]
    assert raw["user-info"]["controller-access"] == "superuser"
    assert raw["user-info"]["model-access"] == "admin"
    offered = {facade["name"]: facade["versions"] for facade in raw["facades"]}
    assert offered["Client"] == [1, 2]
    assert offered["Application"] == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert not {"ModelManager", "LabOrchestrator", "Upgrader", "ModelUpgrader", "Admin"} & set(offered)
    with controller.admin() as admin:
        assert admin.login is not None
        assert "model-tag" not in admin.login.raw
        assert {"ModelManager", "Controller", "LabProvisioner", "LabUpgrades"} <= set(admin.login.facades)
        assert not {"Client", "Application", "LabOrchestrator"} & set(admin.login.facades)
        assert refusal(lambda: admin.log_in("user-admin", ADMIN_PASSWORD)) == ("already logged in", "")


def test_juju_s_own_clients_hear_of_nothing_that_juju_does_not_have(controller: Controller) -> None:
    with controller.connect() as client:
        params = {"auth-tag": "user-admin", "credentials": ADMIN_PASSWORD, "client-version": "3.6.1.3"}
        announced = {facade["name"] for facade in client.call("Admin", "Login", params, version=3)["facades"]}
    assert "ModelManager" in announced
    assert not [name for name in announced if name.startswith("Lab")]


@pytest.mark.parametrize(
    ("facade", "version", "method", "message", "code"),
    [
        ("Nonsense", 1, "X", 'unknown facade type "Nonsense"', "not implemented"),
        ("Client", 99, "FullStatus", 'unknown version (99) of interface "Client"', "not implemented"),
        (
            "Client",
            2,
            "Nothing",
            "no such request - method Client(2).Nothing is not implemented",
            "not implemented",
        ),
        (
            "ModelManager",
            5,
            "ListModels",
            'facade "ModelManager" not supported for model API connection',
            "not supported",
        ),
        ("Upgrader", 1, "SetTools", "permission denied", "unauthorized access"),
        ("NotifyWatcher", 1, "Next", "unknown watcher id", "not found"),
        ("ModelConfig", 2, "ModelSet", "agent-version cannot be changed", ""),
    ],
)
def test_juju_s_errors(client: Client, facade: str, version: int, method: str, message: str, code: str) -> None:
    params = {"config": {"agent-version": "9.9.9"}}
    assert refusal(lambda: client.call(facade, method, params, version=version)) == (message, code)


def test_no_upgrade_facade_before_2_9_33(controller: Controller) -> None:
    with controller.admin() as admin:
        wrong = refusal(lambda: admin.call("ModelUpgrader", "UpgradeModel", {}, version=1))
        assert wrong[1] == "not implemented"


def test_an_unknown_model_answers_every_request_so(controller: Controller) -> None:
    with controller.connect("01234567-0000-4000-8000-000000000000") as client:
        wrong = ('unknown model: "01234567-0000-4000-8000-000000000000"', "model not found")
        assert refusal(lambda: client.log_in("user-admin", ADMIN_PASSWORD)) == wrong
        assert refusal(lambda: client.call("Pinger", "Ping", version=1)) == wrong


def raw_socket(controller: Controller, path: str = "/api", **options: Any) -> WebSocket:
    return WebSocket(f"wss://127.0.0.1:{controller.port}{path}", ssl=tls_context(controller.ca), **options)


@pytest.mark.parametrize("text", ["", "not json", "[]", '"x"', "{}", '{"request-id": "7"}', '{"request-id": true}'])
def test_malformed_frames_end_only_their_own_connection(controller: Controller, text: str) -> None:
    with raw_socket(controller) as bad, controller.admin() as good:
        bad.send(text)
        with pytest.raises(Exception, match="1008"):
            bad.recv(timeout=5)
        assert good.call("Pinger", "Ping") == {}


def test_frames_as_the_libraries_send_them(controller: Controller) -> None:
    login = {"auth-tag": "user-admin@local", "credentials": ADMIN_PASSWORD, "macaroons": [], "nonce": None}
    with raw_socket(controller) as socket:
        frame = {"request-id": 1, "type": "Admin", "version": 3, "request": "Login", "params": login}
        socket.send(json.dumps(frame, indent=2))
        answer = json.loads(socket.recv(timeout=5))
        assert set(answer) == {"request-id", "response"}
        socket.send('{"request-id": 2, "type": "Pinger", "version": 1, "request": "Ping"}')
        assert json.loads(socket.recv(timeout=5)) == {"request-id": 2, "response": {}}
        socket.send('{"request-id": 3, "type": "No", "version": 1, "request": "No", "params": null}')
        answer = json.loads(socket.recv(timeout=5))
        assert (answer["request-id"], answer["response"], answer["error-code"]) == (3, {}, "not implemented")


def test_parameters_of_the_wrong_type(client: Client) -> None:
    for params in ({"patterns": 7}, {"patterns": [1]}, {"patterns": "x"}):
        assert refusal(lambda params=params: client.call("Client", "FullStatus", params))[1] == "bad request"
    assert refusal(lambda: client.call("Application", "AddUnits", {"application": [], "num-units": 1}))
    assert refusal(lambda: client.call("Application", "AddUnits", {"application": "x", "num-units": 10**9}))


def test_a_watcher_tells_everything_and_then_what_changed(controller: Controller, client: Client, model: str) -> None:
    watcher = client.call("Client", "WatchAll")["watcher-id"]
    first = client.call("AllWatcher", "Next", id=watcher)["deltas"]
    (told,) = [data for kind, _, data in first if kind == "model"]
    assert told["model-uuid"] == model
    assert told["config"]["agent-version"] == "2.6.4"
    waiting = client.submit("AllWatcher", "Next", id=watcher)
    assert client.call("Pinger", "Ping") == {}
    client.call("MachineManager", "AddMachines", {"params": [{"series": "bionic"}]})
    (delta,) = waiting.result(5)["deltas"]
    assert delta[:2] == ["machine", "change"]
    machine_id = delta[2]["id"]
    machine = Machine(controller, model, machine_id)
    machine.report("2.6.4-bionic-amd64")
    current = ""
    while current != "started":
        deltas = client.call("AllWatcher", "Next", id=watcher, timeout=5)["deltas"]
        current = deltas[0][2]["agent-status"]["current"]
    waiting = client.submit("AllWatcher", "Next", id=watcher)
    machine.client.close()
    client.call("MachineManager", "DestroyMachineWithParams", {"machine-tags": [f"machine-{machine_id}"]})
    (delta,) = waiting.result(5)["deltas"]
    assert delta[:2] == ["machine", "remove"]
    waiting = client.submit("AllWatcher", "Next", id=watcher)
    client.call("AllWatcher", "Stop", id=watcher)
    assert refusal(lambda: waiting.result(5)) == ("shared state watcher was stopped", "stopped")


def test_a_watcher_of_all_models_tells_of_each(controller: Controller, client: Client, model: str) -> None:
    with controller.admin() as admin:
        watcher = admin.call("Controller", "WatchAllModels")["watcher-id"]
        first = admin.call("AllModelWatcher", "Next", id=watcher)["deltas"]
        told = {data["model-uuid"]: data["is-controller"] for kind, _, data in first if kind == "model"}
        assert (told[model], sorted(told.values())) == (False, [False, True])
        waiting = admin.submit("AllModelWatcher", "Next", id=watcher)
        added = client.call("MachineManager", "AddMachines", {"params": [{"series": "bionic"}]})["machines"][0][
            "machine"
        ]
        ((kind, change, data),) = waiting.result(5)["deltas"]
        assert (kind, change, data["model-uuid"], data["id"]) == ("machine", "change", model, added)
        client.call("MachineManager", "DestroyMachineWithParams", {"machine-tags": [f"machine-{added}"]})
        ((kind, change, data),) = admin.call("AllModelWatcher", "Next", id=watcher, timeout=5)["deltas"]
        assert (kind, change, data["model-uuid"], data["id"]) == ("machine", "remove", model, added)
        admin.call("AllModelWatcher", "Stop", id=watcher)


def test_blocks_are_enforced(client: Client) -> None:
    add = {"params": [{"series": "bionic"}]}
    client.call("Block", "SwitchBlockOn", {"type": "BlockChange", "message": "frozen"})
    try:
        assert [entry["result"]["type"] for entry in client.call("Block", "List")["results"]] == ["BlockChange"]
        blocked = ("frozen", "operation is blocked")
        answer = client.call("MachineManager", "AddMachines", add)["machines"][0]
        assert (answer["error"]["message"], answer["error"]["code"]) == blocked
        assert refusal(lambda: client.call("ModelConfig", "ModelSet", {"config": {"x": "y"}})) == blocked
        assert refusal(lambda: client.call("Client", "SetModelAgentVersion", {"version": "2.6.3"})) == blocked
    finally:
        client.call("Block", "SwitchBlockOff", {"type": "BlockChange", "message": None})
    assert client.call("Block", "List") == {"results": []}


def test_settings(client: Client) -> None:
    client.call("ModelConfig", "ModelSet", {"config": {"agent-stream": "proposed", "test-mode": "true"}})
    config = client.call("ModelConfig", "ModelGet")["config"]
    assert config["agent-stream"] == {"value": "proposed", "source": "model"}
    assert config["test-mode"] == {"value": True, "source": "model"}
    client.call("ModelConfig", "ModelUnset", {"keys": ["agent-stream", "test-mode"]})
    assert client.call("ModelConfig", "ModelGet")["config"]["agent-stream"]["source"] == "default"
    assert refusal(lambda: client.call("ModelConfig", "ModelUnset", {"keys": ["agent-version"]}))
    assert refusal(lambda: client.call("ModelConfig", "ModelSet", {"config": {"agent-stream": "../x"}}))


def test_the_two_sets_of_proxies_exclude_each_other(controller: Controller, client: Client) -> None:
    def set_(**config: str) -> None:
        client.call(
            "ModelConfig", "ModelSet", {"config": {key.replace("_", "-"): text for key, text in config.items()}}
        )

    both = ("cannot specify both legacy proxy values and juju proxy values", "")
    assert refusal(lambda: set_(http_proxy="http://p", juju_https_proxy="http://p")) == both
    set_(http_proxy="http://p", no_proxy="10.0.0.1", apt_http_proxy="http://p", snap_https_proxy="http://p")
    assert refusal(lambda: set_(juju_http_proxy="http://p")) == both
    set_(http_proxy="", juju_http_proxy="http://p")
    assert refusal(lambda: set_(ftp_proxy="ftp://p")) == both
    keys = ["http-proxy", "no-proxy", "juju-http-proxy", "apt-http-proxy", "snap-https-proxy"]
    client.call("ModelConfig", "ModelUnset", {"keys": keys})
    shown = client.call("ModelConfig", "ModelGet")["config"]
    for key in ("apt-ftp-proxy", "apt-no-proxy", "snap-http-proxy", "snap-https-proxy"):
        assert shown[key] == {"value": "", "source": "default"}
    with controller.admin() as admin:
        assert refusal(lambda: add_model(admin, "both", **{"https-proxy": "x", "juju-https-proxy": "x"})) == both


def test_a_big_answer_comes_in_fragments(controller: Controller) -> None:
    with controller.admin() as admin:
        model = add_model(admin, "big")
    with controller.admin(model) as client:
        for _ in range(4):
            client.call("MachineManager", "AddMachines", {"params": [{"series": "bionic"}] * 50})
        status = client.call("Client", "FullStatus")
        assert len(status["machines"]) == 200
        assert len(json.dumps(status)) > 100_000
        assert list(client.call("Client", "FullStatus", {"patterns": ["17"]})["machines"]) == ["17"]


def test_agents_speak_only_for_themselves(controller: Controller, client: Client, model: str) -> None:
    ids = [entry["machine"] for entry in client.call("MachineManager", "AddMachines", {"params": [{}, {}]})["machines"]]
    first, second = (Machine(controller, model, machine_id) for machine_id in ids)
    tools = {"agent-tools": [{"tag": second.tag, "tools": {"version": "2.6.4-bionic-amd64"}}]}
    (answer,) = first.client.call("Upgrader", "SetTools", tools)["results"]
    assert answer["error"]["code"] == "unauthorized access"
    for facade, method in (("Client", "FullStatus"), ("Application", "Deploy"), ("Block", "List")):
        assert refusal(lambda facade=facade, method=method: first.client.call(facade, method, version=2))[1] in (
            "unauthorized access",
            "not implemented",
        )
    stage = {"tag": second.tag, "version": "2.6.4-bionic-amd64", "state": "staged"}
    assert refusal(lambda: first.client.call("LabAgent", "Stage", stage))[1] == "unauthorized access"
    with controller.connect(model) as wrong:
        conf = first.seed["agent-conf"]
        assert refusal(lambda: wrong.log_in(first.tag, conf["apipassword"], nonce="other"))[1] == "not provisioned"
    # A removed machine's agent is out at once.
    client.call("MachineManager", "DestroyMachineWithParams", {"machine-tags": [first.tag], "force": True})
    (answer,) = first.client.call("Upgrader", "DesiredVersion", {"entities": [{"tag": first.tag}]})["results"]
    assert answer["error"]["code"] == "not found"
    assert refusal(first.log_in)[1] == "unauthorized access"
    first.client.close()
    second.client.close()


def test_the_debug_log_streams(controller: Controller, client: Client, model: str) -> None:
    machine_id = client.call("MachineManager", "AddMachines", {"params": [{}]})["machines"][0]["machine"]
    machine = Machine(controller, model, machine_id)

    def log(message: str, level: str = "INFO") -> None:
        entry = {"ts": "2026-01-01T00:00:00Z", "level": level, "module": "juju.worker", "location": "a:1"}
        machine.client.call("LabAgent", "Log", {"entries": [entry | {"message": message}]})

    def headers(password: str) -> dict[str, str]:
        return {"Authorization": "Basic " + base64.b64encode(f"user-admin:{password}".encode()).decode()}

    log("old")
    log("older noise", "DEBUG")
    path = f"/model/{model}/log"
    query = "?replay=true&level=INFO&maxLines=2"
    with raw_socket(controller, path + query, additional_headers=headers(ADMIN_PASSWORD)) as socket:
        assert socket.recv(timeout=5) == "{}\n"
        line = json.loads(socket.recv(timeout=5))
        assert line == {
            "tag": machine.tag,
            "ts": "2026-01-01T00:00:00Z",
            "sev": "INFO",
            "mod": "juju.worker",
            "loc": "a:1",
            "msg": "old",
        }
        log("new", "WARNING")
        assert json.loads(socket.recv(timeout=5))["msg"] == "new"
    with raw_socket(controller, path, additional_headers=headers("wrong")) as socket:
        assert json.loads(socket.recv(timeout=5))["error"]["code"] == "unauthorized access"
    machine.client.close()


def test_models_and_what_they_say(controller: Controller, model: str) -> None:
    with controller.admin() as admin:
        found = admin.call("ModelManager", "ListModels", {"tag": "user-admin"})["user-models"]
        assert {"controller", "prod"} <= {entry["model"]["name"] for entry in found}
        summaries = admin.call("ModelManager", "ListModelSummaries", {"user-tag": "user-admin", "all": True})
        assert {"controller", "prod"} <= {entry["result"]["name"] for entry in summaries["results"]}
        (info,) = admin.call("ModelManager", "ModelInfo", {"entities": [{"tag": f"model-{model}"}]})["results"]
        assert info["result"]["agent-version"] == "2.6.4"
        assert info["result"]["users"][0]["access"] == "admin"
        with pytest.raises(RpcError, match="already exists"):
            add_model(admin, "prod")
        with pytest.raises(RpcError, match="above the controller's"):
            add_model(admin, "high", **{"agent-version": "2.7.0"})
        where = admin.call("Controller", "ControllerAPIInfoForModels", {"entities": [{"tag": f"model-{model}"}]})
        assert where["results"][0]["addresses"] == [f"127.0.0.1:{controller.port}"]
        assert admin.call("Controller", "ControllerConfig")["config"]["controller-name"] == "aws"
        assert list(admin.call("Cloud", "Clouds")["clouds"]) == ["cloud-docker"]
        users = admin.call("UserManager", "UserInfo", {"entities": None, "include-disabled": True})["results"]
        assert [entry["result"]["username"] for entry in users] == ["admin"]
        gone = add_model(admin, "gone")
        with controller.admin(gone) as client:
            answer = admin.call("ModelManager", "DestroyModels", {"models": [{"model-tag": f"model-{gone}"}]})
            assert answer == {"results": [{}]}
            assert refusal(lambda: client.call("Client", "FullStatus"))[1] == "model not found"
        answer = admin.call("ModelManager", "DestroyModels", {"models": [{"model-tag": f"model-{controller.model}"}]})
        assert "controller" in answer["results"][0]["error"]["message"]


def test_nothing_was_left_unexplained(controller: Controller) -> None:
    """Runs last: whatever the tests above did, no handler failed in a way that it had not foreseen."""
    assert "Traceback" not in controller.log()
