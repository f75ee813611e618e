"""Fifty clients watch a model of twenty machines while it is upgraded."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jujulab_core.waiting import Deadline, wait_for
from tests.compat.environments import Environment, client_store
from tests.e2e.support import Lab

pytestmark = pytest.mark.e2e

PROCESSES, CLIENTS, MACHINES = 5, 10, 20
FROM, TO = "3.6.1", "3.6.4"
SECONDS = 600


def test_fifty_clients_see_an_upgrade_to_its_end(libjuju36: Environment, lab36: Lab, tmp_path: Path) -> None:
    size = len(lab36.versions("load"))
    assert len(lab36.status("load")["machines"]) == MACHINES
    assert set(lab36.versions("load").values()) == {FROM}
    marks = [tmp_path / str(number) for number in range(PROCESSES)]
    arguments = ("libjuju_watch.py", lab36.controller, "load", str(CLIENTS), TO, str(size))
    with ThreadPoolExecutor(PROCESSES) as pool:
        running = [
            pool.submit(libjuju36.run, *arguments, str(mark), env=client_store(lab36), seconds=SECONDS)
            for mark in marks
        ]

        def connected() -> tuple[bool | None, str]:
            done = sum(mark.exists() for mark in marks)
            ended = any(run.done() for run in running)
            return (True if done == PROCESSES or ended else None), f"{done} of {PROCESSES} have connected"

        wait_for(connected, Deadline(SECONDS), 0.1)
        lab36.juju("upgrade-model", "-m", f"{lab36.controller}:load", "--agent-version", TO, "--wait")
        for run in running:
            run.result().check()
    assert set(lab36.versions("load").values()) == {TO}
