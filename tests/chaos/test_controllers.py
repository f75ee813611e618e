"""A lab with three controllers, one of which is off: before an upgrade of the controller, during it, and for good.

The eleventh of the faults that are worth most in a rehearsal (the Juju upgrade specification, section L.3), with what
section K says of each version.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from docker import DockerClient
from docker.models.containers import Container

from jujulab.lab import secrets
from jujulab.lab.controllers import is_on_internet
from jujulab.lab.ready import admin_client
from jujulab.store import Store
from jujulab_core.waiting import Deadline, wait_for
from tests.chaos.crash_lab import WRENCH
from tests.e2e import support
from tests.e2e.support import Lab, run

pytestmark = pytest.mark.e2e

LAB_FILE = """
lab: three
controller: {name: three, agent-version: 2.6.4, machines: 3}
streams:
  released: [2.6.4, 2.6.5, 2.6.6, 2.6.8, 2.7.1, 2.7.8]
models:
  default:
    machines: 1
    applications: {ubuntu: {units: 1}}
deadlines: {stage: 90, stage-help: 3, swap: 60, restart: 60, look: 3, retry: 2}
"""
SECONDS = 200.0


@pytest.fixture(scope="module")
def lab(engine: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    data = tmp_path_factory.mktemp("data")
    (data / "three.yaml").write_text(LAB_FILE)
    with support.lab(engine, data, "three", "three", str(data / "three.yaml")) as made:
        assert made.juju("enable-ha").stdout == "maintaining machines: 0, 1, 2\n"
        yield made


def controllers(lab: Lab) -> dict[str, Container]:
    """The containers of the controllers, by machine."""
    filters = {"label": [f"io.jujulab.lab={lab.name}", "io.jujulab.role=controller"]}
    found = lab.docker.containers.list(filters=filters, all=True)
    return {container.labels["io.jujulab.machine"]: container for container in found}


def until(good: Callable[[], bool], what: str) -> None:
    wait_for(lambda: (good() or None, what), Deadline(SECONDS), 0.5)


def status(lab: Lab) -> dict[str, dict[str, Any]]:
    """What is said of the controllers' machines; nothing while nobody answers."""
    done = lab.juju("status", "-m", f"{lab.controller}:controller", "--format", "json", expect=None)
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)["machines"] if done.returncode == 0 else {}
    return found


def at_rest(lab: Lab) -> None:
    def rests() -> bool:
        machines = status(lab).values()
        return len(machines) > 0 and all(
            (entry["juju-status"]["current"], entry["juju-status"].get("message")) == ("started", None)
            for entry in machines
        )

    until(rests, f"the controllers to be at rest: {status(lab)}")


def leader(lab: Lab) -> str:
    """The machine that leads."""
    found = {name: container for name, container in controllers(lab).items() if container.status == "running"}
    name = run(next(iter(found.values())), "cat /var/lib/juju/db/leader.lock").partition(":")[0]
    return name.rpartition("-")[2]


def versions(lab: Lab) -> dict[str, str]:
    return {number: entry["juju-status"].get("version", "") for number, entry in status(lab).items()}


def debug_log(lab: Lab) -> list[str]:
    return lab.juju("debug-log", "-m", f"{lab.controller}:controller", "--replay", "--no-tail").stdout.splitlines()


def started(lab: Lab, version: str) -> Any:
    return lab.juju.start("upgrade-controller", "--agent-version", version, "--wait")


def ended(following: Any) -> tuple[int, str]:
    said, _ = following.communicate(timeout=SECONDS)
    return following.returncode, said


def test_whoever_leads_is_followed_when_it_is_off(lab: Lab) -> None:
    entry = lab.juju.json("show-controller", "three")["three"]
    assert len(entry["details"]["api-endpoints"]) == 3
    assert sorted(entry["controller-machines"]) == ["0", "1", "2"]
    assert {machine["ha-status"] for machine in entry["controller-machines"].values()} == {"ha-enabled"}
    first = leader(lab)
    assert status(lab)[first]["controller-member-status"] == "has-vote"
    logged = debug_log(lab)
    assert logged
    lab.juju("fault", "machine-stop", f"controller:machine-{first}", "--option", "how=power-cut")
    until(lambda: bool(status(lab)), "another controller to answer")
    assert leader(lab) != first
    lab.juju("add-model", "made", "-c", "three", "--no-switch")
    lab.juju("heal", "--all")
    assert "made" in {model["short-name"] for model in lab.juju.json("models")["models"]}
    # What was said before is not lost with who wrote it down.
    assert debug_log(lab)[: len(logged)] == logged
    lab.juju("destroy-model", "three:made", "-y")
    at_rest(lab)


def test_one_is_off_before_and_the_others_wait_for_it(lab: Lab) -> None:
    away = next(number for number in ("0", "1", "2") if number != leader(lab))
    lab.juju("fault", "machine-stop", f"controller:machine-{away}")
    following = started(lab, "2.6.5")
    others = {"0", "1", "2"} - {away}
    until(lambda: {versions(lab).get(number) for number in others} == {"2.6.5"}, "the others to run 2.6.5")
    said = lab.status("controller")["model"]["model-status"]
    assert (said["current"], said["message"][:28]) == ("busy", 'upgrade in progress since "2')
    # None of the others has finished, and nobody else is let in or upgraded meanwhile.
    assert {entry["juju-status"].get("message") for number, entry in status(lab).items() if number in others} == {
        "upgrading to 2.6.5"
    }
    assert "upgrade in progress" in lab.juju("upgrade-model", "--agent-version", "2.6.5", expect=1).stderr
    lab.juju("heal", "--all")
    assert ended(following)[0] == 0
    assert set(versions(lab).values()) == {"2.6.5"}


def test_the_one_that_leads_is_off_during(lab: Lab) -> None:
    """The next one takes its place, in the middle of the steps."""
    leads = leader(lab)
    for container in controllers(lab).values():
        run(container, f"mkdir -p {WRENCH} && echo machine-agent/steps-begun >{WRENCH}/stop-at")
    following = started(lab, "2.6.6")
    stopped: list[str] = []

    def stops() -> bool:
        stopped[:] = [
            number
            for number, container in controllers(lab).items()
            if container.exec_run(["test", "-e", f"{WRENCH}/stopped-at"])[0] == 0
        ]
        return bool(stopped)

    until(stops, "the one that leads to begin its steps")
    # It alone has begun: the others follow.
    assert len(stopped) == 1
    leads = leader(lab)
    assert stopped == [leads]
    lab.juju("fault", "machine-stop", f"controller:machine-{leads}", "--option", "how=power-cut")
    for number in {"0", "1", "2"} - {leads}:
        run(controllers(lab)[number], f"rm -f {WRENCH}/stop-at {WRENCH}/stopped-at")
    others = {"0", "1", "2"} - {leads}

    def done() -> bool:
        found = status(lab)
        return all(
            number in found
            and found[number]["juju-status"]["version"] == "2.6.6"
            and "message" not in found[number]["juju-status"]
            for number in others
        )

    until(done, "the other two to finish without it")
    lab.juju("heal", "--all")
    run(controllers(lab)[leads], f"rm -f {WRENCH}/stop-at {WRENCH}/stopped-at")
    assert ended(following)[0] == 0
    assert set(versions(lab).values()) == {"2.6.6"}


def test_one_does_not_come_and_the_upgrade_is_put_back(lab: Lab) -> None:
    """Up to 2.8; with the wrench the quarter of an hour that they wait for is one of seconds."""
    away = next(number for number in ("0", "1", "2") if number != leader(lab))
    others = {"0", "1", "2"} - {away}
    for number in others:
        run(controllers(lab)[number], f"echo short-upgrade-timeout >{WRENCH}/machine-agent")
    lab.juju("fault", "machine-stop", f"controller:machine-{away}")
    code, said = ended(started(lab, "2.6.8"))
    assert code == 4, said
    assert "aborted wait for other controllers: timed out after 15s" in said
    until(lambda: {versions(lab).get(number) for number in others} == {"2.6.6"}, "the others to be back")
    assert lab.status("controller")["model"]["version"] == "2.6.6"
    for number in others:
        run(controllers(lab)[number], f"rm {WRENCH}/machine-agent")
    # It is lost for good: another one takes its place.
    lab.juju("remove-machine", "-m", "three:controller", away)
    lab.juju("heal", "--all")
    assert lab.juju("enable-ha").stdout.endswith("adding machines: 3\n")
    at_rest(lab)
    assert ended(started(lab, "2.6.8"))[0] == 0
    assert versions(lab) == dict.fromkeys([*sorted(others), "3"], "2.6.8")


def test_from_2_7_1_on_one_that_is_off_is_refused_up_front(lab: Lab) -> None:
    assert ended(started(lab, "2.7.1"))[0] == 0
    away = next(number for number in versions(lab) if number != leader(lab))
    lab.juju("fault", "machine-stop", f"controller:machine-{away}")
    said = lab.juju("upgrade-controller", "--agent-version", "2.7.8", expect=1).stderr
    assert f"ERROR unable to upgrade, database node {int(away) + 1} (" in said
    assert ":37017) has state DOWN\n" in said
    lab.juju("heal", "--all")

    def upgraded() -> bool:
        code, said = ended(started(lab, "2.7.8"))
        # Its machine may still boot.
        assert code == 0 or "has state DOWN" in said, said
        return code == 0

    until(upgraded, "the one that is back to be healthy")
    assert set(versions(lab).values()) == {"2.7.8"}


def test_a_backup_is_restored_into_one_alone(lab: Lab) -> None:
    lab.juju("create-backup", "-m", "three:controller", "--no-download")
    (backup,) = lab.juju("backups", "-m", "three:controller").stdout.split()
    restoring = ("restore-backup", "-m", "three:controller", "--id", backup)
    assert "unable to restore backup in HA configuration" in lab.juju(*restoring, expect=1).stderr
    # The one that answers goes as well.
    leads = leader(lab)
    keeps = next(number for number in versions(lab) if number != leads)
    others = sorted(set(versions(lab)) - {keeps}, key=lambda number: number == leads)
    for number in others:
        lab.juju("remove-machine", "-m", "three:controller", number)
    until(lambda: set(versions(lab)) == {keeps}, "one controller to be left")
    assert leader(lab) == keeps
    assert "is required by the model" in lab.juju("remove-machine", "-m", "three:controller", keeps, expect=1).stderr
    at_rest(lab)
    lab.juju(*restoring)
    # It knows those again that are gone.
    assert set(versions(lab)) == {keeps, *others}
    lab.juju("remove-machine", "-m", "three:controller", *others)
    assert set(versions(lab)) == {keeps}


def test_a_command_that_was_cut_short_is_finished_by_the_next(lab: Lab) -> None:
    (keeps,) = versions(lab)
    made = secrets.load(Store(lab.juju.data).lab_dir(lab.name), lab.name)
    endpoint = lab.juju.json("show-controller", "three")["three"]["details"]["api-endpoints"][0]
    with closing(admin_client(endpoint, made, None, Deadline(SECONDS))) as client:
        client.call("HighAvailability", "EnableHA", {"specs": [{"num-controllers": 3}]})
    known = sorted(versions(lab), key=int)
    assert len(known) == 3
    assert len(controllers(lab)) == 1
    # Who comes while the others are off the internet is off it too.
    lab.juju("fault", "internet-down")
    assert lab.juju("enable-ha").stdout == f"maintaining machines: {', '.join(known)}\n"
    assert sorted(controllers(lab), key=int) == known
    assert not any(map(is_on_internet, controllers(lab).values()))
    lab.juju("heal", "--all")
    assert all(map(is_on_internet, controllers(lab).values()))
    assert len(lab.juju.json("show-controller", "three")["three"]["details"]["api-endpoints"]) == 3
    at_rest(lab)
    assert keeps in known
    lab.juju("upgrade-model", "--agent-version", "2.7.8", "--wait")


def test_without_any_container_a_lab_begins_anew(lab: Lab) -> None:
    """Whatever its volume still holds: a machine that is gone has taken its disk along."""
    for container in lab.docker.containers.list(all=True, filters={"label": [f"io.jujulab.lab={lab.name}"]}):
        container.remove(force=True)
    lab.juju("up", str(lab.juju.data / "three.yaml"))
    assert versions(lab) == dict.fromkeys(("0", "1", "2"), "2.6.4")
    at_rest(lab)
