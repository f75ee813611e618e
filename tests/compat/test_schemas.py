"""Every answer of the controller, held against the JSON schemas that the clients carry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jujulab_controller.facades.versions import offered
from jujulab_core.errors import RpcError
from jujulab_core.version import Number
from tests.compat.judging import judge
from tests.compat.schemas import Schemas
from tests.compat.table import Table
from tests.process.test_access_table import KINDS, TABLE, World, registered
from tests.support.answers import Answers
from tests.support.controller_process import Streams, running

# One of each era whose answers, or whose offer of facades, differ.
ERAS = ("2.6.10", "2.8.13", "2.9.32", "2.9.49", "3.1.2", "3.3.4", "3.6.9")
ROLES = ("superuser", "machine", "unit")


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    """What comes over the test's own connections."""
    return Answers(monkeypatch)


@pytest.fixture(params=ERAS)
def world(request: pytest.FixtureRequest, answers: Answers, tmp_path: Path) -> Iterator[World]:
    """A controller with every kind of login; its answers are listened to from the beginning."""
    streams = Streams(tmp_path / "tools")
    version = Number.parse(request.param)
    lower = Number(version.major, version.minor, version.patch - 1)
    # Before 2.9 binaries are made for series.
    platform, series = ("bionic", "bionic") if version < Number(2, 9, 0) else ("ubuntu", "jammy")
    streams.publish(*(f"{number}-{platform}-amd64" for number in (lower, version)))
    try:
        with running(tmp_path / "controller", streams, request.param, series) as controller:
            made = World(controller)
            yield made
            made.close()
    finally:
        streams.close()


def test_every_method_answers_as_the_clients_schemas_say(
    world: World, answers: Answers, schemas: Schemas, table: Table
) -> None:
    for role in ROLES:
        for kind in KINDS:
            client = world.client(role, kind)
            if client is None:
                continue
            pending = []
            for name, method in registered().items():
                facade, _, call = name.partition(".")
                for case in TABLE["methods"][name]:
                    if not method.exists(world.version) or kind not in case["may"]:
                        continue
                    params = world.filled(case.get("params", {}), role)
                    pending += [
                        client.submit(facade, call, params, version=version)
                        for version in offered(facade, world.version)
                    ]
            for reply in pending:
                try:
                    reply.result(30)
                except RpcError:
                    continue
    ask_what_the_table_cannot(world)
    table.record("the schemas of python-libjuju", str(world.version), judge(list(answers), schemas, str(world.version)))


def ask_what_the_table_cannot(world: World) -> None:
    """Calls that need an id from another answer, the controller model, or a user who has not logged in yet."""

    def versions(facade: str) -> tuple[int, ...]:
        return offered(facade, world.version)

    with world.controller.admin() as admin, world.controller.admin(world.controller.model) as client:
        for version in versions("AllModelWatcher"):
            watcher = admin.call("Controller", "WatchAllModels")["watcher-id"]
            assert admin.call("AllModelWatcher", "Next", id=watcher, version=version)["deltas"]
        for version in versions("Backups"):
            made = client.call("Backups", "Create", {"notes": "", "keep-copy": True}, version=version)
            if version < 3:
                client.call("Backups", "Info", {"id": made["id"]}, version=version)
                assert client.call("Backups", "List", version=version)["list"]
        for version in versions("UserManager"):
            admin.call("UserManager", "AddUser", {"users": [{"username": f"new{version}", "password": ""}]})
            new = {"entities": [{"tag": f"user-new{version}"}]}
            # Version 1 has no such call.
            if version > 1:
                assert admin.call("UserManager", "ResetPassword", new, version=version)["results"]
