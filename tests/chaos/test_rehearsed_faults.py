"""The faults that are worth most in a rehearsal (the Juju upgrade specification, section L.3), on one lab.

For each: which machine fails, what is said of it, what the operator does, and that it then completes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from docker import DockerClient

from jujulab_core.waiting import Deadline, wait_for
from tests.chaos.crash_lab import WRENCH
from tests.e2e import support
from tests.e2e.support import Juju, Lab, run

pytestmark = pytest.mark.e2e

LAB_FILE = """
lab: l3
controller: {name: l3, agent-version: 2.6.4}
streams:
  released: [2.6.4, 2.6.5, 2.6.6, 2.6.7, 2.6.8, 2.6.9, 2.6.10, 2.7.0, 2.7.1, 2.7.2, 2.7.3, 2.7.4, 2.7.5, 2.7.6, 2.7.7]
models:
  default:
    machines: 2
    applications: {ubuntu: {units: 2}}
users: {reader: {models: {default: read}}}
deadlines: {stage: 60, stage-help: 3, swap: 30, restart: 30, look: 3, retry: 2}
"""
SECONDS = 150.0


@pytest.fixture(scope="module")
def lab(engine: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab of two machines whose orchestrator is less patient than usual."""
    path = tmp_path_factory.mktemp("lab") / "lab.yaml"
    path.write_text(LAB_FILE)
    with support.lab(engine, tmp_path_factory.mktemp("data"), "l3", "l3", str(path)) as made:
        yield made


def upgrade(lab: Lab, version: str, *flags: str, expect: int = 0) -> str:
    """Upgrades the model, waits for the end, and gives what was said."""
    done = lab.juju("upgrade-model", "--agent-version", version, "--wait", *flags, expect=expect)
    return done.stderr


def shown(lab: Lab) -> dict[str, Any]:
    """The newest upgrade of the model; nothing before the first."""
    done = lab.juju("show-upgrade", "-m", "l3:default", "--format", "json", expect=None)
    found: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
    return found


def machine(lab: Lab, number: int) -> dict[str, Any]:
    """What is said of a machine's agent in the newest upgrade."""
    found = next((entry for entry in shown(lab).get("machines", ()) if entry["id"] == str(number)), None)
    agent: dict[str, Any] = found["agents"][0] if found else {}
    return agent


def becomes(lab: Lab, version: str, number: int, good: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Waits until what is said of a machine in the upgrade to a version is what it should be."""

    def probe() -> tuple[dict[str, Any] | None, str]:
        agent = machine(lab, number)
        there = bool(agent) and shown(lab)["to"] == version and good(agent)
        return (agent, "") if there else (None, f"machine {number}, which is {agent}")

    return wait_for(probe, Deadline(SECONDS), 1.0)


def completes(lab: Lab, version: str) -> None:
    """Waits until the newest upgrade is complete, and holds status against it."""

    def probe() -> tuple[bool | None, str]:
        upgrade = shown(lab)
        done = (upgrade.get("to"), upgrade.get("status")) == (version, "complete")
        return (True, "") if done else (None, f"the upgrade to {version} to be complete: {upgrade}")

    wait_for(probe, Deadline(SECONDS), 1.0)
    assert set(lab.versions().values()) == {version}


def says(reason: str) -> Callable[[dict[str, Any]], bool]:
    return lambda agent: reason in agent["reason"]


def test_12_the_hosted_model_goes_first(lab: Lab) -> None:
    assert "upgrade 'controller' model first" in upgrade(lab, "2.6.5", expect=1)
    assert set(lab.versions().values()) == {"2.6.4"}


def test_9_the_controller_is_killed_between_the_exchange_and_the_steps(lab: Lab) -> None:
    following = lab.juju.start("upgrade-controller", "--agent-version", "2.7.4", "--wait")

    def probe() -> tuple[bool | None, str]:
        link = lab.container("controller").exec_run(["readlink", "/var/lib/juju/tools/machine-0"]).output.decode()
        return (True, "") if "2.7.4" in link else (None, f"the controller's link to be exchanged: {link}")

    wait_for(probe, Deadline(SECONDS), 0.05)
    killed = lab.juju("fault", "controller-kill", expect=None)
    said, _ = following.communicate(timeout=SECONDS)
    assert killed.returncode == 0, killed.stderr
    assert following.returncode == 0, said
    assert set(lab.versions("controller").values()) == {"2.7.4"}


def test_12_a_block_is_on_and_a_user_lacks_the_right(lab: Lab) -> None:
    lab.juju("disable-command", "all", "rehearsing")
    assert "disabled" in upgrade(lab, "2.6.5", expect=1)
    lab.juju("enable-command", "all")
    reader = Juju(lab.juju.data / "labs" / "l3" / "users" / "reader")
    assert "permission denied" in reader("upgrade-model", "-m", "l3:admin/default", expect=1).stderr
    assert set(lab.versions().values()) == {"2.6.4"}


def test_1_the_disk_of_one_machine_is_full_and_freed(lab: Lab) -> None:
    lab.juju("fault", "disk-full", "machine-0", "--option", "free=103MiB")
    lab.juju("upgrade-model", "--agent-version", "2.6.5")
    little = 'not enough free disk space on "/var/lib/juju" for upgrade: 103MiB available, require 250MiB'
    becomes(lab, "2.6.5", 0, says(little))
    becomes(lab, "2.6.5", 1, lambda agent: agent["phase"] == "done")
    assert lab.versions()["0"] == "2.6.4"
    # The agent looks again every minute, as Juju's does, and the upgrade takes up those who come late.
    lab.juju("heal", "--all")
    completes(lab, "2.6.5")


def test_2_a_binary_is_missing_and_put_back(lab: Lab) -> None:
    lab.juju("fault", "missing-binary", "2.6.6")
    following = lab.juju.start("upgrade-model", "--agent-version", "2.6.6", "--wait")
    becomes(lab, "2.6.6", 0, says("failed to fetch agent binaries"))
    assert set(lab.versions().values()) == {"2.6.5"}
    lab.juju("heal", "--all")
    said, _ = following.communicate(timeout=SECONDS)
    assert following.returncode == 0, said
    completes(lab, "2.6.6")


def test_3_a_binary_is_corrupt_on_the_mirror_and_in_the_cache(lab: Lab) -> None:
    in_cache = ("fault", "corrupt-binary", "2.6.7", "--option", "where=cache")
    assert "the controller's cache does not have 2.6.7" in lab.juju(*in_cache, expect=1).stderr
    lab.juju("sync-agent-binaries", "-m", "l3:controller", "--agent-version", "2.6.7")
    lab.juju(*in_cache)
    lab.juju("fault", "corrupt-binary", "2.6.7-bionic-amd64")
    (on_mirror,) = (fault["id"] for fault in lab.juju.json("faults")["faults"] if "cache" not in str(fault))
    following = lab.juju.start("upgrade-model", "--agent-version", "2.6.7", "--wait")
    # What is damaged in the cache counts as not there, so that it is fetched again.
    assert "mismatch" in becomes(lab, "2.6.7", 1, says("failed to fetch agent binaries"))["reason"]
    lab.juju("heal", str(on_mirror))
    said, _ = following.communicate(timeout=SECONDS)
    assert following.returncode == 0, said
    lab.juju("heal", "--all")
    completes(lab, "2.6.7")


def test_4_the_mirror_is_down_with_a_cold_and_with_a_warm_cache(lab: Lab) -> None:
    lab.juju("sync-agent-binaries", "-m", "l3:controller", "--agent-version", "2.6.8")
    lab.juju("fault", "internet-down")
    try:
        assert "no matching agent " in upgrade(lab, "2.6.9", expect=1)
        upgrade(lab, "2.6.8")
    finally:
        lab.juju("heal", "--all")
    completes(lab, "2.6.8")


def test_5_a_dead_agent_is_upgraded_and_one_that_stays_away_blocks_the_next(lab: Lab) -> None:
    lab.juju("fault", "agent-stop", "machine-1")
    upgrade(lab, "2.6.9")
    lab.juju("heal", "--all")
    completes(lab, "2.6.9")
    lab.juju("fault", "machine-stop", "machine-1", "--option", "how=power-cut")
    assert "machine 1" in upgrade(lab, "2.6.10", expect=4)
    assert machine(lab, 1)["phase"] == "failed"
    assert machine(lab, 1)["reason"].startswith("unreachable: ")
    assert "some agents have not upgraded to the current model version" in upgrade(lab, "2.7.0", expect=1)
    # What was off is taken up again when it is back.
    lab.juju("heal", "--all")
    completes(lab, "2.6.10")


def test_7_agent_confs_are_damaged(lab: Lab) -> None:
    """It shows when the agents are restarted; the operator repairs the files, restarts the agents, and tries again."""
    for target, what in (("machine-0", "address"), ("machine-1", "password"), ("ubuntu/0", "ca")):
        lab.juju("fault", "conf-damaged", target, "--option", f"what={what}", "--option", "restart=no")
    upgrade(lab, "2.7.0", expect=4)
    for number in (0, 1):
        assert machine(lab, number)["phase"] == "failed"
        assert f"machine-{number} has not logged in again" in machine(lab, number)["reason"]
    lab.juju("heal", "--all")
    lab.juju("retry-upgrade", "--wait")
    completes(lab, "2.7.0")


# The tries follow each other after a second, so the cause is mended in the machine itself.
MEND_AFTER_TWO = """
set -e
log=/var/log/juju/machine-0.log
tries=0
until [ $(grep -c 'upgrade from 2.7.0 to 2.7.1 .* failed (will retry): wrench' $log) -ge 2 ]; do
    tries=$((tries + 1)); [ $tries -lt 1500 ]; sleep 0.1
done
sed -i /^fail-upgrade$/d /var/lib/juju/wrench/machine-agent
"""


def test_8_a_step_fails_twice_and_then_passes(lab: Lab) -> None:
    lab.juju("fault", "wrench", "machine-0", "--option", "feature=fail-upgrade,short-upgrade-timeout")
    following = lab.juju.start("upgrade-model", "--agent-version", "2.7.1", "--wait")
    run(lab.machine(0), MEND_AFTER_TWO)
    said, _ = following.communicate(timeout=SECONDS)
    assert following.returncode == 0, said
    lab.juju("heal", "--all")
    completes(lab, "2.7.1")


def test_8_a_step_fails_always(lab: Lab) -> None:
    lab.juju("fault", "wrench", "machine-0", "--option", "feature=fail-upgrade,short-upgrade-timeout")
    assert "machine 0" in upgrade(lab, "2.7.2", expect=4)
    assert "upgrade to 2.7.2 failed (giving up): wrench" in machine(lab, 0)["reason"]
    assert lab.status()["machines"]["0"]["juju-status"]["current"] == "error"
    lab.juju("heal", "--all")
    lab.juju("retry-upgrade", "--wait")
    completes(lab, "2.7.2")


def test_12_a_model_migrates(lab: Lab) -> None:
    """Another one's upgrade does not mind; the controller's waits until it has moved or stays."""
    assert "default: its migration mode is exporting" in lab.juju("fault", "model-migrating", "default").stdout
    said = lab.juju("upgrade-controller", "--agent-version", "2.7.5", expect=1).stderr
    assert 'ERROR model "admin/default" is exporting, upgrade blocked\n' in said
    shown = lab.status()["model"]["model-status"]
    assert (shown["current"], shown["message"]) == ("busy", "migrating: exporting")
    lab.juju("heal", "--all")
    assert lab.status()["model"]["model-status"]["current"] == "available"
    lab.juju("upgrade-controller", "--agent-version", "2.7.5", "--wait")
    assert set(lab.versions("controller").values()) == {"2.7.5"}


def test_10_a_stale_record_of_an_upgrade_is_put_aside(lab: Lab) -> None:
    """It is the controller's upgrade that leaves one, and nothing else is upgraded while it is there."""
    lab.juju("fault", "machine-stop", "orchestrator", "--option", "how=power-cut")
    lab.juju("upgrade-controller", "--agent-version", "2.7.6")
    said = upgrade(lab, "2.7.3", expect=1)
    assert "upgrade in progress (upgrade in progress)" in said
    assert "consider running the" in said
    again = ("upgrade-controller", "--agent-version", "2.7.7", "--ignore-agent-versions")
    assert "upgrade in progress" in lab.juju(*again, expect=1).stderr
    again += ("--reset-previous-upgrade",)
    assert "previous upgrade not reset" in lab.juju(*again, expect=1, stdin="n\n").stderr
    following = lab.juju.start(*again, "--yes", "--wait")
    lab.juju("heal", "--all")
    said, _ = following.communicate(timeout=SECONDS)
    assert following.returncode == 0, said
    assert set(lab.versions("controller").values()) == {"2.7.7"}
    upgrade(lab, "2.7.3")
    completes(lab, "2.7.3")


def test_11_the_controller_is_off_before_and_during(lab: Lab) -> None:
    """The only one; with three of them: `test_controllers.py`."""
    lab.juju("fault", "machine-stop", "controller", "--option", "how=power-cut")
    assert "Next: " in lab.juju("upgrade-model", "--agent-version", "2.7.4", expect=1).stderr
    lab.juju("heal", "--all")

    def answers() -> tuple[bool | None, str]:
        return lab.juju("models", expect=None).returncode == 0 or None, "the controller to answer"

    wait_for(answers, Deadline(SECONDS), 1.0)
    lab.juju("upgrade-model", "--agent-version", "2.7.4")
    lab.juju("fault", "machine-stop", "controller", "--option", "how=power-cut")
    lab.juju("heal", "--all")
    completes(lab, "2.7.4")


def test_6_a_machine_loses_its_power_during_the_upgrade_and_is_back_after(lab: Lab) -> None:
    dark, lit = lab.machine(1), lab.machine(0)
    before = lab.workloads()
    run(dark, f"mkdir -p {WRENCH} && echo machine-agent/unpacked >{WRENCH}/stop-at")
    following = lab.juju.start("upgrade-model", "--agent-version", "2.7.5", "--wait")
    run(dark, f"timeout {SECONDS} sh -c 'until [ -e {WRENCH}/stopped-at ]; do sleep 0.05; done'")
    lab.juju("fault", "machine-stop", "machine-1", "--option", "how=power-cut")
    said, _ = following.communicate(timeout=SECONDS)
    assert following.returncode == 4, said
    assert machine(lab, 0)["phase"] == "done"
    assert machine(lab, 1)["reason"].startswith("unreachable: ")
    lab.juju("heal", "--all")
    completes(lab, "2.7.5")
    assert lab.workloads()[lit.name] == before[lit.name]
    run(dark, f"rm -r {WRENCH}")
