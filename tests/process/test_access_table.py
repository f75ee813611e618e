"""Every method of every facade, and every route, called by every role against a real controller."""

from __future__ import annotations

import base64
import http.client
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest
import yaml

import jujulab_controller.facades.all
from jujulab_controller.facades.versions import offered
from jujulab_controller.http import Http
from jujulab_controller.rpc import registry
from jujulab_core.errors import RpcError
from jujulab_core.rpc import Client
from jujulab_core.rpc.channel import dial, tls_context
from jujulab_core.version import Number
from tests.support.controller_process import ADMIN_PASSWORD, Controller, Machine, Streams, running
from tests.support.websocket import WebSocket

TABLE = yaml.safe_load((Path(__file__).parent / "data" / "access.yaml").read_text())
SETS: dict[str, list[str]] = TABLE["sets"]
USERS = ("login", "elsewhere", "read", "write", "admin", "owner", "superuser")
ROLES = ("anonymous", "machine", "other", "unit", "orchestrator", *USERS)
KINDS = ("controller", "model")
UNAUTHORIZED = "unauthorized access"
# The newest 2.9 has every method there is: those that went before 3.0, and those that came in 2.9.33.
ERAS = ("2.6.4", "2.9.37")
# A route's path says which characters a part of it may have; the table does not.
ROUTE_PART, PLAIN_PART = re.compile(r"{(\w+):[^}]*}"), r"{\1}"
_FACADES = jujulab_controller.facades.all.__all__


class Cell(NamedTuple):
    """One method called by one role on one kind of connection."""

    method: str
    case: int
    role: str
    kind: str


def password(role: str) -> str:
    return ADMIN_PASSWORD if role == "superuser" else f"{role}-password"


def user(role: str) -> str:
    return {"superuser": "admin", "admin": "administrator"}.get(role, role)


class World:
    """A controller with a model, and a login of every role on both kinds of connection, where it may have one."""

    def __init__(self, controller: Controller) -> None:
        self.controller = controller
        self.version = Number.parse(controller.version)
        self.binary = f"{controller.version}-{'bionic' if self.version < Number(2, 9, 0) else 'ubuntu'}-amd64"
        self._clients: dict[tuple[str, str], Client | None] = {}
        with controller.admin() as admin:
            self._make(admin)
            if self.version >= Number(3, 0, 0):
                upgrade = {"model-tag": f"model-{self.model}", "target-version": controller.version}
                assert "error" not in admin.call("ModelUpgrader", "UpgradeModel", upgrade)
        with controller.admin(self.model) as client:
            if self.version < Number(3, 0, 0):
                client.call("Client", "SetModelAgentVersion", {"version": controller.version, "force": True})
            client.call("Block", "SwitchBlockOn", {"type": "BlockDestroy", "message": "blocked by the test"})
        for role in ROLES:
            for kind in KINDS:
                self._clients[role, kind] = self._log_in(role, kind)

    def client(self, role: str, kind: str) -> Client | None:
        """The connection of a role, None where its login was refused."""
        return self._clients[role, kind]

    def close(self) -> None:
        for client in (*self._clients.values(), *(machine.client for machine in self.machines)):
            if client is not None:
                client.close()

    def filled(self, value: Any, role: str) -> Any:
        """Parameters with what stands for something replaced."""
        if isinstance(value, dict):
            return {key: self.filled(item, role) for key, item in value.items()}
        if isinstance(value, list):
            return [self.filled(item, role) for item in value]
        names = {
            "$model": f"model-{self.model}",
            "$uuid": self.model,
            "$machine": "machine-0",
            "$unit": "unit-ubuntu-0",
            "$me": f"user-{user(role)}",
            "$credential": f"cloudcred-docker_{user(role)}_test",
            "$password": password(role),
            "$version": str(self.version),
            "$binary": self.binary,
        }
        return names.get(value, value) if isinstance(value, str) else value

    def _make(self, admin: Client) -> None:
        added = [{"username": user(role), "password": password(role)} for role in USERS if role != "superuser"]
        results = admin.call("UserManager", "AddUser", {"users": [*added, {"username": "victim", "password": "x"}]})
        assert all("error" not in result for result in results["results"]), results
        lower = str(Number(self.version.major, self.version.minor, self.version.patch - 1))
        models = {}
        for name, owner in (("prod", "owner"), ("else", "elsewhere")):
            params = {"name": name, "owner-tag": f"user-{owner}", "cloud-tag": "cloud-docker"}
            models[name] = admin.call("ModelManager", "CreateModel", params | {"config": {"agent-version": lower}})[
                "uuid"
            ]
        self.model = str(models["prod"])
        changes = [
            {"user-tag": f"user-{user(role)}", "action": "grant", "access": role, "model-tag": f"model-{self.model}"}
            for role in ("read", "write", "admin")
        ]
        assert admin.call("ModelManager", "ModifyModelAccess", {"changes": changes}) == {"results": [{}, {}, {}]}
        with self.controller.admin(self.model) as client:
            client.call("MachineManager", "AddMachines", {"params": [{}, {}]})
            application = {"application": "ubuntu", "charm-url": "ubuntu", "num-units": 1}
            placement = [{"scope": "#", "directive": "0"}]
            client.call("Application", "Deploy", {"applications": [application | {"placement": placement}]})
        self.machines = [Machine(self.controller, self.model, number) for number in ("0", "1")]
        for machine in self.machines:
            machine.report(self.binary.replace(str(self.version), lower))
        with self.machines[0].unit("unit-ubuntu-0") as unit:
            reported = {"tag": "unit-ubuntu-0", "tools": {"version": self.binary.replace(str(self.version), lower)}}
            assert unit.call("Upgrader", "SetTools", {"agent-tools": [reported]}) == {"results": [{}]}

    def _log_in(self, role: str, kind: str) -> Client | None:
        client = self.controller.connect(self.model if kind == "model" else None)
        try:
            if role in ("machine", "other"):
                conf = self.machines[role == "other"].seed["agent-conf"]
                client.log_in(conf["tag"], conf["apipassword"], nonce=conf["nonce"])
            elif role == "unit":
                client.log_in("unit-ubuntu-0", "unit-ubuntu-0-password-0123456789")
            elif role == "orchestrator":
                client.log_in("orchestrator-0", "orchestrator-secret-0123456789")
            elif role != "anonymous":
                client.log_in(f"user-{user(role)}", password(role))
        except RpcError as error:
            client.close()
            if error.code != UNAUTHORIZED:
                raise
            return None
        return client


@pytest.fixture(scope="module", params=ERAS)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    streams = Streams(tmp_path_factory.mktemp("internet") / "tools")
    series = "bionic" if request.param.startswith("2.6") else "ubuntu"
    streams.publish(f"2.6.3-{series}-amd64", f"2.9.36-{series}-amd64", f"{request.param}-{series}-amd64")
    try:
        with running(tmp_path_factory.mktemp("controller"), streams, request.param) as controller:
            made = World(controller)
            yield made
            made.close()
            assert "Traceback" not in controller.log()
    finally:
        streams.close()


def registered() -> dict[str, registry.Method]:
    return {
        f"{facade.name}.{name}": method for facade in registry.everything() for name, method in facade.methods.items()
    }


def test_every_method_has_its_row() -> None:
    assert sorted(TABLE["methods"]) == sorted(registered())
    for name, cases in TABLE["methods"].items():
        assert cases, name
        for case in cases:
            assert set(case) <= {"may", "params", "says"}, name
            assert set(case["may"]) <= set(KINDS), name
            assert set(case["may"].values()) <= set(SETS), name
    assert {role for roles in SETS.values() for role in roles} <= set(ROLES)


def test_every_route_has_its_row() -> None:
    routes = Http(cast("Any", None)).routes()
    there = {f"{route.method} {ROUTE_PART.sub(PLAIN_PART, route.path)}" for route in routes}
    assert sorted(TABLE["routes"]) == sorted(there)


def errors_of(answer: dict[str, Any]) -> list[tuple[str, str]]:
    """The errors within an answer: of its entries, or of its one result."""
    found = [
        answer,
        *(entry for entry in answer.get("results") or answer.get("models") or () if isinstance(entry, dict)),
    ]
    return [(entry["error"]["message"], entry["error"].get("code", "")) for entry in found if entry.get("error")]


def test_the_table_holds(
    world: World, record_property: pytest.RecordProperty, capsys: pytest.CaptureFixture[str]
) -> None:
    version = world.version
    cells: list[Cell] = []
    wrong: list[str] = []
    allowed = 0
    for role in ROLES:
        for kind in KINDS:
            client = world.client(role, kind)
            calls: list[tuple[Cell, dict[str, Any], Any]] = []
            for name, method in registered().items():
                facade = name.partition(".")[0]
                versions = offered(facade, version)
                if not versions or not method.exists(version):
                    continue
                for at, case in enumerate(TABLE["methods"].get(name, ())):
                    cell = Cell(name, at, role, kind)
                    cells.append(cell)
                    if client is None:
                        # The login itself was refused, which is what the row must say.
                        if role in SETS[case["may"].get(kind, "nobody")]:
                            wrong.append(f"{cell}: the login is refused")
                        continue
                    params = world.filled(case.get("params", {}), role)
                    pending = client.submit(facade, name.partition(".")[2], params, version=versions[-1])
                    calls.append((cell, case, pending))
            for cell, case, pending in calls:
                try:
                    errors = errors_of(pending.result(30))
                except RpcError as error:
                    errors = [(error.message, error.code)]
                may = role in SETS[case["may"].get(kind, "nobody")]
                allowed += may
                if problem := judge(case, errors, may=may, elsewhere=kind not in case["may"]):
                    wrong.append(f"{cell}: {problem}")
    size = f"{len(cells)} cells of {len(registered())} methods and {len(ROLES)} roles on {version}, {allowed} allowed"
    record_property("access table", size)
    with capsys.disabled():
        sys.stdout.write(f"\naccess table: {size}, {len(wrong)} wrong\n")
    assert wrong == []


def judge(case: dict[str, Any], errors: list[tuple[str, str]], *, may: bool, elsewhere: bool) -> str:
    """What is wrong with an answer, if anything is."""
    if not may:
        refused = {UNAUTHORIZED, "not supported"} if elsewhere else {UNAUTHORIZED}
        return "" if errors and errors[0][1] in refused else f"is not refused: {errors}"
    for message, code in errors:
        if code == UNAUTHORIZED or not re.search(case.get("says", r"\A\Z"), message):
            return f"ends with {message} ({code})"
    return ""


def test_the_routes_hold(world: World) -> None:
    people = [role for role in ROLES if role not in ("machine", "other", "unit", "orchestrator")]
    wrong = []
    for name, row in TABLE["routes"].items():
        verb, path = name.split()
        path = path.replace("{model}", world.model).replace("{version}", world.binary)
        for role in people:
            ask = stream if row.get("socket") else request
            refused = ask(world, verb, path, role)
            if refused is (row["may"] == "all" or role in SETS.get(row["may"], ())):
                wrong.append(f"{name} as {role}: {'refused' if refused else 'not refused'}")
    assert wrong == []


def authorization(role: str) -> dict[str, str]:
    if role == "anonymous":
        return {}
    return {"Authorization": "Basic " + base64.b64encode(f"user-{user(role)}:{password(role)}".encode()).decode()}


def request(world: World, verb: str, path: str, role: str) -> bool:
    """Whether a plain request is refused."""
    connection = http.client.HTTPConnection("juju-apiserver")
    connection.sock = dial(f"127.0.0.1:{world.controller.port}", tls_context(world.controller.ca), 10)
    try:
        body = json.dumps({"user": "user-victim", "secret": "x", "password": "y"}) if verb == "POST" else None
        connection.request(verb, path, body, authorization(role))
        return connection.getresponse().status in (401, 403, 429)
    finally:
        connection.close()


def stream(world: World, _verb: str, path: str, role: str) -> bool:
    """Whether a stream is refused, which its first frame tells."""
    address = f"wss://127.0.0.1:{world.controller.port}{path}?noTail=true"
    context = tls_context(world.controller.ca)
    with WebSocket(address, ssl=context, additional_headers=authorization(role)) as socket:
        return "error" in json.loads(socket.recv(timeout=10))
