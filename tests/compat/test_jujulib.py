"""@canonical/jujulib, unmodified, on Node; it speaks to controllers of any era, in the versions that both know."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.compat import environments
from tests.compat.environments import Environment, Outcome, client_store
from tests.compat.judging import Listened
from tests.compat.labs import wait_until_complete
from tests.compat.table import Table
from tests.e2e.support import Lab

pytestmark = pytest.mark.e2e

CHOSEN = "facades, each in the version that it chose"
CHANGED = "facades, before and after the controller's upgrade"


class Jujulib:
    """Runs scripts with the library."""

    def __init__(self, client: Environment, directory: Path) -> None:
        self._client, self._directory = client, directory

    def run(self, script: str, lab: Lab, *words: str) -> Outcome:
        """Runs one on a lab, as its administrator."""

        def stored(name: str) -> dict[str, str]:
            entry = yaml.safe_load((lab.juju.data / name).read_text())["controllers"][lab.controller]
            assert isinstance(entry, dict)
            return entry

        controller, account = stored("controllers.yaml"), stored("accounts.yaml")
        ca = self._directory / "ca.pem"
        ca.write_text(controller["ca-cert"])
        where = (controller["api-endpoints"][0], str(ca), account["user"], account["password"])
        return self._client.run(script, *where, *words).check()

    def drive(self, lab: Lab, model: str, target: str, client_facade: str = "client") -> dict[str, int]:
        """Does with a model what it can; returns which version of each facade the library chose."""
        uuid = lab.juju.json("show-model", f"{lab.controller}:{model}")[model]["model-uuid"]
        facts = self.run("jujulib_drive.js", lab, model, uuid, target, client_facade).facts[CHOSEN]
        wait_until_complete(lab, model)
        assert set(lab.versions(model).values()) == {target}
        return dict(facts)

    def upgrade_controller(self, lab: Lab, target: str, client_facade: str) -> dict[str, tuple[int | None, int | None]]:
        """Upgrades a controller; returns which facades are chosen in another version, or anew, behind it."""
        uuid = lab.juju.json("show-model", f"{lab.controller}:controller")["controller"]["model-uuid"]
        facts = self.run("jujulib_controller.js", lab, uuid, target, client_facade).facts[CHANGED]
        before, after = facts["before"], facts["after"]
        return {
            name: (before.get(name), after.get(name)) for name in before | after if before.get(name) != after.get(name)
        }


@pytest.fixture(scope="module")
def jujulib(table: Table, tmp_path_factory: pytest.TempPathFactory) -> Jujulib:
    client = environments.node("jujulib", "@canonical/jujulib 9.1.0", table)
    return Jujulib(client, tmp_path_factory.mktemp("jujulib"))


def test_it_drives_a_model_of_36(jujulib: Jujulib, lab36: Lab) -> None:
    assert jujulib.drive(lab36, "jujulib", "3.6.4") == {
        "Pinger": 1,
        "Controller": 12,
        # It prefers the lower of two that it knows: its list is in the order of the alphabet.
        "ModelManager": 9,
        "ModelUpgrader": 1,
        "AllModelWatcher": 4,
        "Client": 8,
        "AllWatcher": 3,
        "ModelConfig": 3,
        "Annotations": 2,
    }


def test_clients_take_a_controller_from_26_to_29(
    listened: Listened, table: Table, libjuju29: Environment, jujulib: Jujulib, lab26: Lab
) -> None:
    refusal = ("libjuju_other_era.py", lab26.controller, "2.6.4 not supported")
    libjuju29.run(*refusal, env=client_store(lab26)).check()
    old = environments.python("libjuju-2.9.11", "python-libjuju 2.9.11", table)
    listened.run(old, lab26, "libjuju_26.py", "default", "2.6.3", "2.6.4")
    # What the library may call changes as it upgrades the controller; which versions it knows and prefers is its own.
    assert jujulib.upgrade_controller(lab26, "2.9.32", "client") == {
        "Application": (None, 15),
        "Client": (2, 5),
        "Cloud": (5, 7),
        "Controller": (7, 9),
        "ModelManager": (5, 9),
    }
    # Of Client it prefers 5 now, in which it has no call that upgrades: until 2.9.33 one has to ask for 3.
    old_watchers = {"AllModelWatcher": 2, "AllWatcher": 1}
    same = {"Pinger": 1, "Controller": 9, "ModelManager": 9, "Annotations": 2}
    chosen = jujulib.drive(lab26, "default", "2.9.32", "client/ClientV3")
    assert chosen == {**same, **old_watchers, "Client": 3, "ModelConfig": 2}
    assert jujulib.upgrade_controller(lab26, "2.9.47", "client/ClientV3") == {
        "AllModelWatcher": (2, 4),
        "AllWatcher": (1, 3),
        "Backups": (2, 3),
        "ModelConfig": (2, 3),
        "ModelUpgrader": (None, 1),
        "UserManager": (2, 3),
    }
    new_watchers = {"AllModelWatcher": 4, "AllWatcher": 3}
    chosen = jujulib.drive(lab26, "default", "2.9.47")
    assert chosen == {**same, **new_watchers, "Client": 6, "ModelConfig": 3, "ModelUpgrader": 1}
