"""Every answer of the controller, held against the JSON schemas that the clients carry."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from jujulab_controller.facades.versions import offered
from jujulab_core.errors import RpcError
from jujulab_core.version import Number
from tests.compat import environments
from tests.compat.schemas import Schemas
from tests.compat.table import Table
from tests.process.test_access_table import KINDS, TABLE, World, registered
from tests.support.answers import Answer, Answers
from tests.support.controller_process import Streams, running

# The last era that libjuju 2.9.49.1 knows, and the newest release.
ERAS = ("2.9.37", "3.6.9")
ROLES = ("superuser", "machine", "unit")
EXCEPTIONS = yaml.safe_load((Path(__file__).parent / "data" / "schema-exceptions.yaml").read_text())


@pytest.fixture(scope="session")
def schemas(table: Table) -> Schemas:
    """What python-libjuju carries: 2.9.49.1 for Juju 2, 3.5.2.1 for 3.x."""
    names = {"libjuju-2.9": "python-libjuju 2.9.49.1", "libjuju-3.5": "python-libjuju 3.5.2.1"}
    definitions = {name: entry["schema"] for name, entry in EXCEPTIONS["definitions"].items()}
    return Schemas(definitions, *(environments.python(name, client, table).path for name, client in names.items()))


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
    streams.publish(f"{lower}-ubuntu-amd64", f"{version}-ubuntu-amd64")
    try:
        with running(tmp_path / "controller", streams, request.param, "jammy") as controller:
            made = World(controller)
            yield made
            made.close()
    finally:
        streams.close()


def problems(schemas: Schemas, answer: Answer) -> list[str]:
    """What is wrong with an answer, but for what is known to differ."""
    name = f"{answer.facade}.{answer.method}"
    excused = [re.compile(pattern) for pattern, _reason in EXCEPTIONS["answers"].get(name, ())]
    found = schemas.problems(answer.facade, answer.version, answer.method, answer.response)
    return [
        f"{name}@{answer.version}: {problem}"
        for problem in found
        if not any(pattern.search(problem) for pattern in excused)
    ]


def test_every_method_answers_as_the_clients_schemas_say(world: World, answers: Answers, schemas: Schemas) -> None:
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
    _judge(list(answers), schemas, str(world.version))


def _judge(answers: list[Answer], schemas: Schemas, what: str) -> None:
    held = [answer for answer in answers if schemas.knows(answer.facade, answer.version, answer.method)]
    methods = {(answer.facade, answer.version, answer.method) for answer in held}
    sys.stdout.write(f"\n{what}: {len(held)} of {len(answers)} answers held, {len(methods)} methods by version\n")
    assert len(methods) > 20
    wrong = sorted({problem for answer in held for problem in problems(schemas, answer)})
    assert wrong == []
