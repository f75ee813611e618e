"""jubilant and pytest-jubilant, unmodified, with `jujulab` as their command."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.compat import environments
from tests.compat.environments import Environment, client_store
from tests.compat.table import Table
from tests.e2e.support import PROGRAM, Lab

pytestmark = pytest.mark.e2e

PLUGIN = "pytest-jubilant 2.3.0"
# The user's own suite, which the plugin's fixtures serve; where it may begin anew, it may find what it had made before.
SUITE = """
import jubilant
import pytest

@pytest.mark.juju_setup
def test_a_charm(juju: jubilant.Juju):
    if "tested" not in juju.status().apps:
        juju.deploy("ubuntu", "tested")
    juju.wait(lambda status: jubilant.all_active(status, "tested"), error=jubilant.any_error, timeout=120)

def test_what_is_there(juju: jubilant.Juju):
    assert list(juju.status().apps) == ["tested"]
    assert list(juju.status().get_units("tested")) == ["tested/0"]

@pytest.mark.juju_teardown
def test_that_breaks(juju: jubilant.Juju):
    juju.remove_application("tested")
    juju.wait(lambda status: not status.apps, timeout=60)
"""
# A suite that takes several models, also one on another controller than the one it was told.
FACTORY = """
import os

import pytest
import pytest_jubilant

def test_several_models(juju, juju_factory: pytest_jubilant.JujuFactory):
    other = juju_factory.get_juju("other")
    far = juju_factory.get_juju("far", controller=os.environ["FAR"])
    assert other.show_model().short_name == f"{juju.show_model().short_name}-other"
    assert far.show_model().controller_name == os.environ["FAR"] != other.show_model().controller_name
    other.deploy("nrpe", "watch", num_units=0)
    assert (list(other.status().apps), list(far.status().apps), list(juju.status().apps)) == (["watch"], [], [])
    with pytest.raises(ValueError, match="already registered"):
        juju_factory.get_juju("other")
"""


@pytest.fixture(scope="module")
def client(table: Table) -> Environment:
    return environments.python("jubilant", "jubilant 1.14.0", table)


def test_it_drives_a_model(client: Environment, lab36: Lab) -> None:
    model = f"{lab36.controller}:jubilant"
    script = ("jubilant_drive.py", str(PROGRAM), model, lab36.controller)
    client.run(*script, env=client_store(lab36), seconds=600).check()


class Plugin:
    """Runs suites with the plugin, on a lab whose controller is not the current one."""

    def __init__(self, client: Environment, lab: Lab, other: Lab, directory: Path) -> None:
        self._client, self._lab, self._other, self._directory = client, lab, other, directory
        # The plugin looks for a command of Juju's name.
        (directory / "bin").mkdir()
        (directory / "bin" / "juju").symlink_to(PROGRAM)
        (directory / "run.py").write_text("import sys, pytest\nsys.exit(pytest.main(sys.argv[1:]))\n")
        (directory / "test_suite.py").write_text(SUITE)
        (directory / "test_factory.py").write_text(FACTORY)
        other.juju("switch", other.controller)

    def run(self, suite: str, *options: str, controller: bool = True) -> str:
        """Runs one suite with some options, which all must accept, and returns what it printed."""
        words = [*(["--juju-controller", self._lab.controller] if controller else []), *options]
        env = client_store(self._lab) | {
            "PATH": f"{self._directory / 'bin'}:{os.environ['PATH']}",
            "FAR": self._other.controller,
        }
        where = ("-q", f"--rootdir={self._directory}", str(self._directory / f"{suite}.py"))
        done = self._client.run(self._directory / "run.py", *where, *words, env=env)
        assert done.code == 0, done.output
        return done.output

    def models(self, lab: Lab | None = None) -> list[str]:
        """The models that suites have on a lab."""
        lab = lab or self._lab
        found = lab.juju.json("models", "-c", lab.controller)["models"]
        return [entry["short-name"] for entry in found if re.search("suite|factory", entry["short-name"])]


@pytest.fixture
def plugin(client: Environment, lab36: Lab, lab29: Lab, tmp_path: Path) -> Plugin:
    return Plugin(client, lab36, lab29, tmp_path)


def test_the_plugin_serves_a_suite_and_leaves_nothing(table: Table, plugin: Plugin, lab29: Lab, lab36: Lab) -> None:
    lab36.juju("switch", lab36.controller)
    assert "3 passed" in plugin.run("test_suite", controller=False)
    assert plugin.models() == []
    table.record(PLUGIN, "fixture juju", "model made, charm deployed, model destroyed")
    lab29.juju("switch", lab29.controller)
    assert "1 passed" in plugin.run("test_factory")
    assert plugin.models() + plugin.models(lab29) == []
    table.record(PLUGIN, "fixture juju_factory", "three models on two controllers, made and destroyed")


def test_the_plugin_keeps_and_takes_up_models(
    table: Table, plugin: Plugin, lab36: Lab, lab29: Lab, tmp_path: Path
) -> None:
    named = ("--juju-model", "kept")
    said = plugin.run("test_suite", *named, "--no-juju-teardown", "--juju-switch", f"--juju-dump-logs={tmp_path}/logs")
    assert "2 passed, 1 skipped" in said
    assert plugin.models() == ["kept-test-suite"]
    assert plugin.models(lab29) == []
    table.record(
        PLUGIN, "--juju-model, --juju-controller", "kept-test-suite, on a controller that is not the current one"
    )
    table.record(PLUGIN, "--no-juju-teardown, marker juju_teardown", "model kept, test left out")
    assert lab36.juju("switch").stdout.strip() == f"{lab36.controller}:admin/kept-test-suite"
    table.record(PLUGIN, "--juju-switch", "the current model is the suite's")
    log = (tmp_path / "logs" / f"{lab36.controller}-kept-test-suite-juju-debug.log").read_text()
    assert "machine-0" in log
    assert "unit-tested-0" in log
    table.record(PLUGIN, "--juju-dump-logs", f"{len(log.splitlines())} lines of machine-0 and unit-tested-0")
    lab29.juju("switch", lab29.controller)
    assert "1 passed, 2 skipped" in plugin.run("test_suite", *named, "--no-juju-setup", "--no-juju-teardown")
    assert plugin.models() == ["kept-test-suite"]
    table.record(PLUGIN, "--no-juju-setup, marker juju_setup", "model taken up again, test left out")
    # Setting up once more finds the model, and goes on with it.
    assert "3 passed" in plugin.run("test_suite", *named)
    assert plugin.models() == []
    table.record(PLUGIN, "--juju-model of a model that exists", "taken up, then destroyed")


def test_the_plugin_takes_a_cloud(table: Table, plugin: Plugin, lab36: Lab) -> None:
    named = ("--juju-model", "cloudy", "--juju-cloud", f"docker/{lab36.name}", "--no-juju-teardown")
    assert "2 passed, 1 skipped" in plugin.run("test_suite", *named)
    model = f"{lab36.controller}:cloudy-test-suite"
    # Where a cloud is named, the plugin sets no architecture.
    assert "arch" not in lab36.juju.json("model-constraints", "-m", model)
    lab36.juju("destroy-model", model, "--no-prompt", "--force")
    table.record(PLUGIN, "--juju-cloud", f"docker/{lab36.name}")
