"""The controller is lost with everything in it, comes back from a backup, and upgrades go on.

The tests of this module build on one another.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker import DockerClient

from tests.e2e import support
from tests.e2e.support import Lab, run

pytestmark = pytest.mark.e2e

LAB = str(Path(__file__).with_name("backup.yaml"))
AGENTS = {"0", "1", "ubuntu/0", "ubuntu/1"}


@pytest.fixture(scope="module")
def backed(engine: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    data = tmp_path_factory.mktemp("data")
    with support.lab(engine, data, "e2e-backup", "e2e-backup", LAB) as lab:
        lab.juju("publish", "2.6.10", "2.7.8")
        yield lab


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("backup") / "before.tar.gz"


def _looks(lab: Lab) -> dict[str, object]:
    """What others know of the controller's container."""
    attributes = lab.container("controller").attrs
    networks = attributes["NetworkSettings"]["Networks"]
    return {
        "image": attributes["Config"]["Image"],
        "host": attributes["Config"]["Hostname"],
        "labels": attributes["Config"]["Labels"],
        "ports": attributes["HostConfig"]["PortBindings"],
        "aliases": {
            # Docker itself adds the container's id.
            name: {alias for alias in network["Aliases"] or () if not attributes["Id"].startswith(alias)}
            for name, network in networks.items()
        },
        "host key": run(lab.container("controller"), "cat /etc/ssh/ssh_host_ed25519_key.pub"),
    }


def test_a_backup_is_made_between_two_upgrades(backed: Lab, archive: Path) -> None:
    backed.juju("upgrade-controller", "--agent-version", "2.6.10", "--wait")
    backed.juju("upgrade-model", "--agent-version", "2.6.10", "--wait")
    refused = backed.juju("create-backup", "-m", "e2e-backup:default", expect=1)
    assert "ERROR backups are only supported from the controller model\nUse juju switch" in refused.stderr
    done = backed.juju("create-backup", "-m", "e2e-backup:controller", "--filename", str(archive))
    assert done.stderr == f"Remote backup was not created.\nDownloaded to {archive}.\n"
    with tarfile.open(archive) as tar:
        names = tar.getnames()
    assert {"juju-backup/metadata.json", "juju-backup/root.tar", "juju-backup/dump/controller.db"} <= set(names)


def test_a_new_container_takes_the_lost_ones_place(backed: Lab) -> None:
    backed.juju("model-config", "default-series=bionic", "development=true")
    before, workloads = _looks(backed), backed.workloads()
    machines = {machine.id for machine in backed.machines()}
    backed.container("controller").remove(force=True, v=True)
    for _ in range(2):
        done = backed.juju("up", LAB, expect=1)
        assert 'ERROR the controller of lab "e2e-backup" is new and does not know its machines' in done.stderr
        assert "jujulab restore-backup --file" in done.stderr
    assert _looks(backed) == before
    # No command takes the machines that this controller does not know for leftovers.
    assert backed.juju("add-machine", "-m", "e2e-backup:controller", expect=1).stderr.count("is new") == 1
    assert {machine.id for machine in backed.machines()} == machines
    assert backed.workloads() == workloads
    # It runs what the old one ran, not what the lab began with.
    assert "/2.6.10-" in run(backed.container("controller"), "readlink /var/lib/juju/tools/machine-0")


def test_the_restored_controller_has_its_agents_back(backed: Lab, archive: Path) -> None:
    done = backed.juju("restore-backup", "--file", str(archive))
    assert done.stdout == f'restore from "{archive}" completed\n'
    backed.juju("up", LAB)
    assert backed.versions() == dict.fromkeys(AGENTS, "2.6.10")
    assert backed.versions("controller") == {"0": "2.6.10"}
    for model in ("default", "controller"):
        machines = backed.status(model)["machines"]
        assert {machine["juju-status"]["current"] for machine in machines.values()} == {"started"}
    assert backed.juju("model-config", "development").stdout == "false\n"


def test_the_cache_of_binaries_came_back_with_it(backed: Lab) -> None:
    fetched = backed.fetched()
    run(backed.container("controller"), "ls /var/lib/juju/tools/2.6.4-bionic-amd64/jujud")
    # A machine that starts on the model's version gets it from the cache.
    backed.juju("add-machine")
    backed.juju("up", LAB)
    assert backed.versions()["2"] == "2.6.10"
    assert backed.fetched() == fetched


def test_and_upgrades_go_on(backed: Lab) -> None:
    backed.juju("upgrade-controller", "--agent-version", "2.7.8", "--wait")
    backed.juju("upgrade-model", "--agent-version", "2.7.8", "--wait")
    assert backed.versions() == dict.fromkeys({*AGENTS, "2"}, "2.7.8")


def test_a_backup_of_an_older_version_is_restored_under_newer_binaries(backed: Lab, archive: Path) -> None:
    """A rehearsed roll-back without the binaries of that time: the database is the old one, and it can go on."""
    backed.juju("restore-backup", "-m", "e2e-backup:controller", "--file", str(archive))
    assert backed.juju("model-config", "-m", "e2e-backup:controller", "agent-version").stdout == "2.6.10\n"
    assert backed.juju.json("show-controller")["e2e-backup"]["details"]["agent-version"] == "2.7.8"
    backed.juju("upgrade-controller", "--agent-version", "2.7.8", "--wait")
    assert backed.versions("controller") == {"0": "2.7.8"}
