"""What a login announces in each era, as a client hears it that asks no controller for its version."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import pytest
import yaml

from tests.compat import environments
from tests.compat.table import Table
from tests.support.controller_process import ADMIN_PASSWORD, Controller, running

ANNOUNCED = yaml.safe_load((environments.HERE / "data" / "facades.yaml").read_text())
# The wire compatibility notes, section 8: which connection has which.
CONTROLLER_ONLY = {"AllModelWatcher", "Cloud", "Controller", "ModelManager", "ModelUpgrader", "UserManager"}
BOTH = {"HighAvailability", "ModelConfig", "NotifyWatcher", "Pinger"}


@pytest.fixture(scope="module")
def heard(table: Table, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Any]:
    """The facades by version and kind of connection, from a controller for each."""
    client = environments.python("libjuju-2.9.11", "python-libjuju 2.9.11", table)
    directory = tmp_path_factory.mktemp("eras")

    def start(version: str) -> AbstractContextManager[Controller]:
        return running(directory / version, None, version)

    with ExitStack() as stack:
        # They are kept until all are there, so that the client, whose start takes its time, has to start but once.
        with ThreadPoolExecutor(2) as pool:
            controllers = list(pool.map(lambda version: stack.enter_context(start(version)), ANNOUNCED))
        path = directory / "connections.json"
        path.write_text(json.dumps([_where(made, uuid) for made in controllers for uuid in ("", made.model)]))
        facts = client.run("libjuju_announced.py", str(path)).check().facts
    return {(told["version"], told["kind"]): told["facades"] for told in facts.values()}


@pytest.mark.parametrize("version", ANNOUNCED)
def test_a_login_announces_the_facades_of_its_era(version: str, heard: dict[tuple[str, str], Any]) -> None:
    every = {name: numbers(text) for name, text in ANNOUNCED[version].items()}
    kinds = {"controller": CONTROLLER_ONLY | BOTH, "model": set(every) - CONTROLLER_ONLY}
    for kind, names in kinds.items():
        assert heard[version, kind] == {name: found for name, found in every.items() if name in names}


def numbers(text: str | int) -> list[int]:
    """``1-3`` is 1, 2 and 3."""
    low, _, high = str(text).partition("-")
    return list(range(int(low), int(high or low) + 1))


def _where(controller: Controller, uuid: str) -> dict[str, str]:
    return {
        "version": controller.version,
        "endpoint": f"127.0.0.1:{controller.port}",
        "cacert": controller.ca,
        "username": "admin",
        "password": ADMIN_PASSWORD,
        "uuid": uuid,
    }
