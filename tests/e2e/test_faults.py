"""What goes wrong in the middle of an upgrade, and that it ends well with no hand on it."""

from __future__ import annotations

import pytest

from tests.e2e.support import Lab, Watch, run

pytestmark = pytest.mark.e2e


def kill(lab: Lab, role: str) -> None:
    """Kills what the container runs, as the kernel's OOM killer would."""
    with lab.recorder("test").operation("kill", {"target": role}):
        if role == "controller":
            run(lab.container(role), "systemctl kill -s KILL jujud-controller")
        else:
            lab.container(role).kill("KILL")
            # A kill from outside counts as the operator's own stop; whoever watches over the host starts it again.
            lab.container(role).start()


def upgraded(lab: Lab, version: str) -> bool:
    return set(lab.versions().values()) == {version}


def test_an_agent_that_is_dead_is_upgraded_over_ssh(lab: Lab, watch: Watch) -> None:
    lab.juju("upgrade-controller", "--agent-version", "2.7.8", "--wait")
    run(lab.machine(1), "systemctl stop jujud-machine-1")
    lab.juju("upgrade-model", "--agent-version", "2.6.5", "--wait")
    assert upgraded(lab, "2.6.5")


@pytest.mark.parametrize(("role", "version"), [("orchestrator", "2.6.10"), ("controller", "2.7.0")])
def test_killed_in_the_middle_it_goes_on_by_itself(lab: Lab, role: str, version: str) -> None:
    before = lab.workloads()
    following = lab.juju.start("upgrade-model", "--agent-version", version, "--wait")
    kill(lab, role)
    said, _ = following.communicate(timeout=300)
    assert following.returncode == 0, said
    assert upgraded(lab, version)
    assert lab.workloads() == before


def test_the_controller_killed_after_it_answered_has_lost_nothing(lab: Lab) -> None:
    lab.juju("add-model", "kept", "--no-switch")
    kill(lab, "controller")
    assert "kept" in lab.juju("models").stdout
    lab.juju("destroy-model", "kept", "-y")


def test_a_bad_release_stops_at_the_canary_which_is_put_back(lab: Lab) -> None:
    lab.juju("publish", "2.7.1", "--defect", "crash-on-start")
    before = lab.workloads()
    ended = lab.juju("upgrade-model", "--agent-version", "2.7.1", "--canary", "1", "--wait", expect=4)
    assert "machine 0" in ended.stderr
    assert upgraded(lab, "2.7.0")
    assert lab.workloads() == before
    phases = {
        machine["id"]: {agent["phase"] for agent in machine["agents"]}
        for machine in lab.juju.json("show-upgrade")["machines"]
    }
    assert phases == {"0": {"rolled-back"}, **{str(number): {"skipped"} for number in range(1, 5)}}


def test_without_internet_the_cache_serves_and_the_rest_is_refused(lab: Lab) -> None:
    internet = lab.docker.networks.get(f"jujulab-{lab.name}-internet")
    internet.disconnect(lab.container("controller"))
    try:
        assert "no upgrades available" in lab.juju("upgrade-controller").stderr
        # The controller itself runs 2.7.8: its own binary is in its cache.
        lab.juju("upgrade-model", "--agent-version", "2.7.8", "--wait", "--ignore-agent-versions")
        assert upgraded(lab, "2.7.8")
    finally:
        internet.connect(lab.container("controller"))


def test_the_invariants_held_through_all_of_it(watch: Watch) -> None:
    assert watch.violations() == []
