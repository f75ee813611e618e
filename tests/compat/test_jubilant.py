"""jubilant and pytest-jubilant, unmodified, with `jujulab` as their command."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.compat import environments
from tests.compat.environments import Environment
from tests.compat.table import Table
from tests.e2e.support import PROGRAM, Lab

pytestmark = pytest.mark.e2e

# Of the user's own suite, which the plugin's fixtures serve.
SUITE = """
import jubilant

def test_a_charm(juju):
    juju.deploy("ubuntu", "tested", num_units=0)
    assert list(juju.status().apps) == ["tested"]
"""


@pytest.fixture(scope="module")
def client(table: Table) -> Environment:
    return environments.python("jubilant", "jubilant 1.14.0", table)


def variables(lab: Lab) -> dict[str, str]:
    return {"JUJULAB_DATA": str(lab.juju.data)}


def test_it_drives_a_model(client: Environment, lab36: Lab) -> None:
    model = f"{lab36.controller}:jubilant"
    script = ("jubilant_drive.py", str(PROGRAM), model, lab36.controller)
    client.run(*script, env=variables(lab36), seconds=600).check()


def test_the_plugin_serves_a_suite(table: Table, client: Environment, lab36: Lab, tmp_path: Path) -> None:
    # The plugin looks for a command of Juju's name.
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "juju").symlink_to(PROGRAM)
    (tmp_path / "test_suite.py").write_text(SUITE)
    (tmp_path / "run.py").write_text("import sys, pytest\nsys.exit(pytest.main(sys.argv[1:]))\n")
    lab36.juju("switch", lab36.controller)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    done = client.run(
        tmp_path / "run.py", "-q", str(tmp_path), f"--rootdir={tmp_path}", env=variables(lab36) | {"PATH": path}
    )
    assert done.code == 0, done.output
    assert "1 passed" in done.output
    assert {entry["short-name"] for entry in lab36.juju.json("models")["models"]} >= {"jubilant"}
    assert not [entry for entry in lab36.juju.json("models")["models"] if "suite" in entry["short-name"]]
    table.record("pytest-jubilant 2.3.0", "fixture juju", "model made, charm deployed, model destroyed")
