"""Rollouts on real machines: two orchestrators, one of which is frozen or killed; bad releases; the way back.

The tests of this module build on one another.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from docker import DockerClient
from docker.models.containers import Container

from jujulab.images import image_tag
from jujulab.lab import names
from jujulab.lab.engine import address
from jujulab_core.waiting import Deadline, wait_for
from tests.e2e import support
from tests.e2e.support import Lab, run

pytestmark = pytest.mark.e2e

LAB = "rollouts"
FILE = f"""
lab: {LAB}
controller: {{name: {LAB}}}
models:
  default: {{machines: 2, applications: {{ubuntu: {{units: 2}}}}}}
deadlines: {{swap: 30}}
"""
AGENTS = {"0", "1", "ubuntu/0", "ubuntu/1"}


@pytest.fixture(scope="module")
def lab(engine: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    path = tmp_path_factory.mktemp("lab") / "lab.yaml"
    path.write_text(FILE)
    with support.lab(engine, tmp_path_factory.mktemp("data"), LAB, LAB, str(path)) as made:
        made.juju("publish", "2.6.5", "2.6.6", "2.6.10")
        made.juju("publish", "2.6.7", "2.6.8", "2.6.9", "--defect", "crash-on-start")
        made.juju("upgrade-controller", "--agent-version", "2.6.10", "--wait")
        yield made


@pytest.fixture(scope="module")
def second(lab: Lab) -> Container:
    """Another orchestrator, made like the first; `down` removes it with the lab."""
    first = lab.container(names.ORCHESTRATOR)
    made = lab.docker.containers.create(
        first.image.id,
        name=f"{first.name}-2",
        hostname="orchestrator-2",
        labels=first.labels,
        network=names.network(LAB),
        init=True,
    )
    made.put_archive("/etc", first.get_archive("/etc/jujulab")[0])
    made.start()
    wait_for(lambda: ("connected" in said(made) or None, "the second orchestrator to connect"), Deadline(60), 0.5)
    return made


def said(container: Container) -> str:
    return str(container.logs().decode())


def fence(lab: Lab) -> list[int]:
    return [int(run(machine, "cat /var/lib/juju/locks/fence")) for machine in lab.machines()]


def phases(upgrade: Any) -> dict[str, str]:
    return {machine["id"]: machine["agents"][0]["phase"] for machine in upgrade["machines"]}


def test_a_second_orchestrator_waits_while_the_first_is_there(lab: Lab, second: Container) -> None:
    lab.juju("upgrade-model", "--agent-version", "2.6.5", "--wait")
    assert "machine 0: swap" in said(lab.container(names.ORCHESTRATOR))
    assert "swap" not in said(second)


def test_it_takes_over_from_one_that_is_frozen_whose_late_commands_do_nothing(lab: Lab, second: Container) -> None:
    first, before, workloads = lab.container(names.ORCHESTRATOR), fence(lab), lab.workloads()
    first.pause()
    try:
        lab.juju("upgrade-model", "--agent-version", "2.6.6", "--wait")
    finally:
        first.unpause()
    assert lab.versions() == dict.fromkeys(AGENTS, "2.6.6")
    assert "machine 0: swap" in said(second)
    assert [after > was for was, after in zip(before, fence(lab), strict=True)] == [True, True]
    shown = [run(machine, "upgradectl show") for machine in lab.machines()]
    for was, machine in zip(before, lab.machines(), strict=True):
        tag = run(machine, "basename /var/lib/juju/tools/machine-*").strip()
        code, output = machine.exec_run(["upgradectl", "swap", str(was), "2.6.5-bionic-amd64", tag])
        assert (code, b"another orchestrator holds the lease" in output) == (70, True)
    assert [run(machine, "upgradectl show") for machine in lab.machines()] == shown
    assert lab.workloads() == workloads


def test_a_bad_release_ends_with_its_canary_back_on_the_old_version(lab: Lab, second: Container) -> None:
    # Whoever holds the lease is gone: the other one, continued, takes over again.
    second.kill()
    failed = lab.juju("upgrade-model", "--agent-version", "2.6.7", "--canary", "1", "--wait", expect=None)
    assert failed.returncode != 0
    upgrade = lab.juju.json("show-upgrade")
    assert phases(upgrade) == {"0": "rolled-back", "1": "skipped"}
    assert "does not stay up" in upgrade["machines"][0]["agents"][0]["reason"]
    assert lab.versions() == dict.fromkeys(AGENTS, "2.6.6")


def test_a_whole_upgrade_is_put_back_and_every_agent_says_so(lab: Lab) -> None:
    workloads = lab.workloads()
    lab.juju("upgrade-model", "--agent-version", "2.6.10", "--ignore-agent-versions", "--wait")
    # Who comes now begins with the new version, and never had the old one.
    lab.juju("add-unit", "ubuntu")
    newcomers = {"2", "ubuntu/2"}

    def came() -> tuple[bool | None, str]:
        try:
            versions = lab.versions()
        except KeyError:
            return None, "all agents to have a version"
        return versions == dict.fromkeys(AGENTS | newcomers, "2.6.10") or None, f"a newcomer: {versions}"

    wait_for(came, Deadline(120), 0.5)
    number = str(lab.juju.json("show-upgrade")["id"])
    lab.juju("abort-upgrade", number, "--rollback", "--wait")
    found = lab.juju.json("show-upgrade", number)
    assert phases(found) == dict.fromkeys(("0", "1", "2"), "rolled-back")
    assert [agent["phase"] for agent in found["machines"][2]["agents"]] == ["rolled-back"] * 2
    assert lab.versions() == dict.fromkeys(AGENTS | newcomers, "2.6.6")
    assert {name: lab.workloads()[name] for name in workloads} == workloads
    lab.juju("remove-machine", "2", "--force")


def test_a_machine_that_comes_back_on_another_address_is_put_back_though_no_agent_tells(lab: Lab) -> None:
    """The agents of the new version crash, so that nobody says where it is now."""
    machine, network = lab.machine(0), names.network(LAB)
    words = ("--agent-version", "2.6.8", "--ignore-agent-versions", "--canary", "1", "--wait")
    following = lab.juju.start("upgrade-model", *words)
    run(machine, "timeout 60 sh -c 'until readlink /var/lib/juju/tools/machine-0 | grep -q 2.6.8; do sleep 0.05; done'")
    before = address(machine, network)
    machine.kill()
    # Whoever is there first gets the address that it had.
    squatter = lab.docker.containers.run(
        image_tag("base"),
        ["sleep", "infinity"],
        detach=True,
        init=True,
        network=network,
        labels=names.labels(LAB, names.HELPER),
    )
    try:
        assert address(squatter, network) == before
        machine.start()
        assert address(machine, network) != before
        told, _ = following.communicate(timeout=300)
    finally:
        squatter.remove(force=True)
    assert following.returncode == 4, told
    assert phases(lab.juju.json("show-upgrade")) == {"0": "rolled-back", "1": "skipped"}
    assert lab.versions() == dict.fromkeys(AGENTS, "2.6.6")


def test_a_machine_whose_way_back_is_gone_is_stranded_until_a_person_does_what_is_said(lab: Lab) -> None:
    machine, tools = lab.machine(0), "/var/lib/juju/tools"
    words = ("--agent-version", "2.6.9", "--ignore-agent-versions", "--canary", "1", "--wait")
    following = lab.juju.start("upgrade-model", *words)
    swapped = f"until readlink {tools}/machine-0 | grep -q 2.6.9; do sleep 0.05; done"
    run(machine, f"timeout 60 sh -c '{swapped}' && mv {tools}/2.6.6-bionic-amd64 /root/aside")
    # It would fetch what it has lost; there is no room for it.
    lab.juju("fault", "disk-full", "machine-0", "--option", "free=100MiB")
    told, _ = following.communicate(timeout=300)
    assert following.returncode == 4, told
    upgrade = lab.juju.json("show-upgrade")
    assert phases(upgrade) == {"0": "stranded", "1": "skipped"}
    by_hand = re.search(r"by hand: (.*)", upgrade["machines"][0]["agents"][0]["reason"])
    assert by_hand, upgrade
    assert "not enough free disk space" in by_hand.string
    lab.juju("heal", "--all")
    stage, swap = by_hand[1].split(" && ")
    for command in (stage, swap):
        assert command.startswith("jujulab ssh "), command
        lab.juju(*shlex.split(command)[1:])

    def probe() -> tuple[bool | None, str]:
        versions = lab.versions()
        return versions == dict.fromkeys(AGENTS, "2.6.6") or None, f"all agents to be back: {versions}"

    wait_for(probe, Deadline(60), 0.5)
