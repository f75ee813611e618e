"""python-libjuju, unmodified, of both eras: what people's scripts do with it."""

from __future__ import annotations

import pytest

from tests.compat.environments import Environment
from tests.e2e.support import Lab

pytestmark = pytest.mark.e2e


def test_36_connects(libjuju36: Environment, lab36: Lab) -> None:
    store = {"JUJU_DATA": str(lab36.juju.data)}
    libjuju36.run("libjuju_connect.py", lab36.controller, "libjuju", env=store).check()


def test_29_connects(libjuju29: Environment, lab29: Lab) -> None:
    store = {"JUJU_DATA": str(lab29.juju.data)}
    libjuju29.run("libjuju_connect.py", lab29.controller, "default", env=store).check()
