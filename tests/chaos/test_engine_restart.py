"""The Docker engine itself is restarted in the middle of an upgrade.

On an engine of the tests' own: the one that runs everything else is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from docker import DockerClient

from tests.chaos.crash_lab import REACH_SECONDS, WRENCH
from tests.e2e import support
from tests.e2e.support import Juju, Lab, run
from tests.support.own_engine import OwnEngine, own_engine

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def own(engine: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnEngine]:
    with own_engine(tmp_path_factory.mktemp("engine"), engine) as made:
        yield made


@pytest.fixture(scope="module")
def lab(own: OwnEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    data = tmp_path_factory.mktemp("data")
    client = own.client()
    juju = Juju(data, own.inside, own.address)
    options = ["--name", "reboot", "--agent-version", "2.6.4", "--machines", "1", "--units", "1"]
    with support.lab(client, data, "reboot", "reboot", *options, juju=juju) as made:
        juju("publish", "2.6.5", "2.6.6")
        juju("upgrade-controller", "--agent-version", "2.6.6", "--wait")
        yield made
    client.close()


def test_an_upgrade_survives_a_restart_of_the_engine(lab: Lab, own: OwnEngine) -> None:
    machine = lab.machine(0)
    run(machine, f"mkdir -p {WRENCH} && echo machine-agent/unpacked >{WRENCH}/stop-at")
    following = lab.juju.start("upgrade-model", "--agent-version", "2.6.5", "--wait")
    run(machine, f"timeout {REACH_SECONDS} sh -c 'until [ -e {WRENCH}/stopped-at ]; do sleep 0.05; done'")
    own.stop()
    own.start()
    said, _ = following.communicate(timeout=300)
    assert following.returncode == 0, said
    assert lab.versions() == {"0": "2.6.5", "ubuntu/0": "2.6.5"}


def test_a_lab_that_was_stopped_stays_stopped(lab: Lab, own: OwnEngine) -> None:
    lab.juju("stop", "reboot")
    own.stop()
    own.start()
    assert lab.juju.json("labs")["labs"]["reboot"]["state"] == "stopped"
    lab.juju("start", "reboot")
    assert lab.versions() == {"0": "2.6.5", "ubuntu/0": "2.6.5"}
