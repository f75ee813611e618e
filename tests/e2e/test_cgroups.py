"""A lab on a host whose cgroups are of version 2, which is what today's distributions have.

On an engine of the tests' own, so that it does not matter which the host has.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from docker import DockerClient

from tests.e2e import support
from tests.e2e.support import Juju, Lab, run
from tests.support.own_engine import OwnEngine, own_engine

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def own(engine: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnEngine]:
    with own_engine(tmp_path_factory.mktemp("engine"), engine, cgroups_2=True) as made:
        yield made


@pytest.fixture(scope="module")
def lab(own: OwnEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    data = tmp_path_factory.mktemp("data")
    client = own.client()
    assert client.info()["CgroupVersion"] == "2"
    juju = Juju(data, own.inside, own.address)
    with support.lab(client, data, "cgroups", "cgroups", "--name", "cgroups", "--units", "3", juju=juju) as made:
        juju("publish", "2.6.5", "2.6.6")
        yield made
    client.close()


def test_the_host_is_fit_for_it(lab: Lab) -> None:
    probes = {probe["name"]: probe for probe in lab.juju.json("doctor")["probes"]}
    assert probes["cgroups"]["state"] == "ok"
    assert "version 2" in probes["cgroups"]["detail"]


def test_machines_run_systemd_and_nothing_has_failed(lab: Lab) -> None:
    for machine in (lab.container("controller"), *lab.machines()):
        assert run(machine, "cat /proc/1/comm").strip() == "systemd"
        assert run(machine, "systemctl --failed --no-legend") == ""
        assert not machine.attrs["HostConfig"]["Privileged"]


def test_services_stay_in_the_containers_own_cgroup(lab: Lab) -> None:
    for machine in lab.machines():
        titles, *processes = machine.top()["Titles"], *machine.top()["Processes"]
        commands = " ".join(process[titles.index("CMD")] for process in processes)
        assert "sshd" in commands
        assert "python3 -IS /var/lib/ju" in commands


def test_it_is_upgraded_and_what_is_broken_is_mended(lab: Lab) -> None:
    workloads = lab.workloads()
    lab.juju("upgrade-controller", "--agent-version", "2.6.6", "--wait")
    lab.juju("fault", "agent-stop", "machine-1")
    lab.juju("upgrade-model", "--agent-version", "2.6.5", "--canary", "1", "--wait")
    lab.juju("fault", "machine-pause", "machine-0")
    lab.juju("heal", "--all")
    assert set(lab.versions().values()) == {"2.6.5"}
    assert lab.workloads() == workloads
