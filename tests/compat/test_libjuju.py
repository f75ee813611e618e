"""python-libjuju, unmodified, of both eras: what people's scripts do with it."""

from __future__ import annotations

import pytest

from tests.compat.environments import Environment
from tests.e2e.support import Lab

pytestmark = pytest.mark.e2e


def store(lab: Lab) -> dict[str, str]:
    return {"JUJU_DATA": str(lab.juju.data)}


def test_scripts_of_36(libjuju36: Environment, lab36: Lab) -> None:
    libjuju36.run("libjuju_session.py", lab36.controller, "libjuju", env=store(lab36)).check()


def test_36_upgrades_controller_and_model(libjuju36: Environment, lab36: Lab) -> None:
    versions = ("3.6.1", "3.6.4", "3.6.9")
    libjuju36.run("libjuju_upgrade36.py", lab36.controller, "libjuju", *versions, env=store(lab36)).check()
    assert set(lab36.versions("libjuju").values()) == {"3.6.9"}


def test_scripts_of_29(libjuju29: Environment, lab29: Lab) -> None:
    libjuju29.run("libjuju_session.py", lab29.controller, "default", env=store(lab29)).check()


def test_29_upgrades_controller_and_model_and_may_then_call_more(libjuju29: Environment, lab29: Lab) -> None:
    versions = ("2.9.31", "2.9.32", "2.9.47")
    libjuju29.run("libjuju_upgrade29.py", lab29.controller, "default", *versions, env=store(lab29)).check()
    assert set(lab29.versions("default").values()) == {"2.9.47"}


def test_each_refuses_the_other_era_as_in_life(
    libjuju29: Environment, libjuju36: Environment, lab29: Lab, lab36: Lab
) -> None:
    libjuju36.run("libjuju_other_era.py", lab29.controller, "2.9.47 not supported", env=store(lab29)).check()
    libjuju29.run("libjuju_other_era.py", lab36.controller, "3.6.9 not supported", env=store(lab36)).check()
