"""python-libjuju, unmodified, of both eras: what people's scripts do with it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from jujulab_core.boundary import STOP_SECONDS
from jujulab_core.waiting import Deadline, wait_for
from tests.compat.environments import Environment, client_store
from tests.compat.judging import Listened
from tests.e2e.support import Lab, run

pytestmark = pytest.mark.e2e

WRENCH = "/var/lib/juju/wrench"


@contextmanager
def held(lab: Lab, seen: Path) -> Iterator[str]:
    """Keeps the controller's upgrade from its end until the file is there: somebody was refused meanwhile."""
    controller = lab.container("controller")
    run(controller, f"echo machine-agent/database-steps-done >{WRENCH}/stop-at")

    def let_go() -> None:
        wait_for(lambda: (seen.exists() or None, "a client to be refused"), Deadline(STOP_SECONDS))
        run(controller, f"rm -f {WRENCH}/stop-at {WRENCH}/stopped-at")

    with ThreadPoolExecutor(1) as pool:
        releasing = pool.submit(let_go)
        yield str(seen)
        releasing.result()


def test_scripts_of_36(listened: Listened, libjuju36: Environment, lab36: Lab) -> None:
    listened.run(libjuju36, lab36, "libjuju_session.py", "libjuju")


def test_36_upgrades_controller_and_model(
    listened: Listened, libjuju36: Environment, lab36: Lab, tmp_path: Path
) -> None:
    with held(lab36, tmp_path / "seen") as seen:
        listened.run(libjuju36, lab36, "libjuju_upgrade36.py", "libjuju", "3.6.1", "3.6.4", "3.6.9", SEEN=seen)
    assert set(lab36.versions("libjuju").values()) == {"3.6.9"}


def test_scripts_of_29(listened: Listened, libjuju29: Environment, lab29: Lab) -> None:
    listened.run(libjuju29, lab29, "libjuju_session.py", "default")


def test_29_upgrades_controller_and_model_and_may_then_call_more(
    listened: Listened, libjuju29: Environment, lab29: Lab, tmp_path: Path
) -> None:
    with held(lab29, tmp_path / "seen") as seen:
        listened.run(libjuju29, lab29, "libjuju_upgrade29.py", "default", "2.9.31", "2.9.32", "2.9.47", SEEN=seen)
    assert set(lab29.versions("default").values()) == {"2.9.47"}


def test_each_refuses_the_other_era_as_in_life(
    libjuju29: Environment, libjuju36: Environment, lab29: Lab, lab36: Lab
) -> None:
    libjuju36.run("libjuju_other_era.py", lab29.controller, "2.9.47 not supported", env=client_store(lab29)).check()
    libjuju29.run("libjuju_other_era.py", lab36.controller, "3.6.9 not supported", env=client_store(lab36)).check()
