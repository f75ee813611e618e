"""The contract of the images: what boots, what is in it and what is not, and the first boot of a machine."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator

import docker
import pytest
from docker.models.containers import Container

from jujulab import images
from jujulab.lab import pki
from tests.support.seeded import Bench, Tarball, bench, run, tarball, wait

pytestmark = pytest.mark.e2e

OLD = tarball("2.6.4-bionic-amd64")
NEW = tarball("2.7.8-bionic-amd64")
BAD_URL = f"{OLD.url}.corrupted"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench("images", tmp_path_factory.mktemp("ssh")) as made:
        yield made


@pytest.fixture(scope="module")
def server(lab: Bench) -> Container:
    """Stands in for the controller: the same paths, the same certificate."""
    made = lab.server("controller", pki.make_controller_cert(lab.ca, datetime.datetime.now(datetime.UTC)))
    lab.put(made, OLD.url.removeprefix("https://controller"), OLD.data)
    lab.put(made, NEW.url.removeprefix("https://controller"), NEW.data)
    # As long as the right one, and not the right one.
    lab.put(made, BAD_URL.removeprefix("https://controller"), OLD.data[::-1])
    return made


@pytest.fixture(scope="module")
def machine(lab: Bench, server: Container) -> Container:
    """A machine whose first URL gives the wrong bytes."""
    made = lab.machine("0", OLD, BAD_URL, OLD.url)
    booted(made)
    return made


def booted(container: Container) -> None:
    wait(container, "systemctl is-system-running >/dev/null 2>&1")
    wait(container, "! test -e /var/lib/cloud/seed/juju -o -e /var/lib/cloud/seed/juju-done")


def test_building_again_does_nothing() -> None:
    said: list[str] = []
    client = docker.from_env()
    images.ensure_images(client)
    images.ensure_images(client, said.append)
    client.close()
    assert said == []


@pytest.mark.parametrize("name", images.IMAGES)
def test_an_image_holds_no_key_and_no_identity(name: str) -> None:
    client = docker.from_env()
    held = client.containers.run(
        images.image_tag(name),
        ["sh", "-c", "ls /etc/ssh/ssh_host_* /var/lib/cloud/seed/* 2>/dev/null; cat /etc/machine-id"],
        remove=True,
    )
    client.close()
    assert held == b""


def test_systemd_runs_unprivileged_and_nothing_has_failed(machine: Container) -> None:
    assert run(machine, "cat /proc/1/comm").strip() == "systemd"
    assert run(machine, "systemctl --failed --no-legend") == ""
    assert not machine.attrs["HostConfig"]["Privileged"]
    assert not machine.attrs["HostConfig"]["CapAdd"]


def test_services_stay_in_the_containers_own_cgroup(machine: Container) -> None:
    # What the engine counts as the container's is what its systemd started.
    titles, *processes = machine.top()["Titles"], *machine.top()["Processes"]
    commands = [process[titles.index("CMD")] for process in processes]
    assert any("sshd" in command for command in commands)
    assert any("sleep infinity" in command for command in commands)


def test_python_has_what_agents_and_controller_need(machine: Container) -> None:
    run(machine, "python3 -IS -c 'import sys, ssl, sqlite3, zlib, asyncio; sys.exit(sys.version_info < (3, 11))'")


def test_ssh_takes_the_labs_key_and_shows_the_key_put_in(lab: Bench, machine: Container) -> None:
    answer = lab.ssh(machine, "sudo", "-n", "id", "-u")
    assert (answer.stdout, answer.returncode) == ("0\n", 0), answer.stderr
    assert lab.ssh(machine, "true", user="root").returncode == 255


def test_the_first_boot_installs_the_agent(machine: Container) -> None:
    tools = "/var/lib/juju/tools"
    assert run(machine, f"readlink {tools}/machine-0").strip() == f"{tools}/{OLD.binary}"
    told = run(machine, f"cat {tools}/{OLD.binary}/downloaded-tools.txt")
    assert told == json.dumps(
        {"version": OLD.binary, "url": OLD.url, "sha256": OLD.sha256, "size": len(OLD.data)}, separators=(",", ":")
    )
    assert sorted(run(machine, f"ls {tools}").split()) == sorted([OLD.binary, "machine-0"])
    assert run(machine, "stat -c '%a %U' /var/lib/juju/agents/machine-0/agent.conf") == "600 root\n"
    assert "started /var/lib/juju/tools/machine-0/jujud machine --data-dir /var/lib/juju --machine-id 0 --debug" in run(
        machine, "cat /var/log/juju/machine-0.log"
    )
    assert run(machine, "stat -c '%a %G' /var/log/juju/machine-0.log") == "640 adm\n"
    run(machine, "sudo -u ubuntu test -r /var/log/juju/machine-0.log")
    assert "tarball sha256 mismatch" in run(machine, "journalctl -u juju-init --no-pager")


def test_the_service_has_the_place_and_the_settings_of_its_version(lab: Bench, machine: Container) -> None:
    newer = lab.machine("1", NEW)
    booted(newer)
    run(machine, "test -x /lib/systemd/system/jujud-machine-0/exec-start.sh")
    run(newer, "test ! -e /lib/systemd/system/jujud-machine-1 -a ! -L /etc/systemd/system/jujud-machine-1.service")
    for container, service in ((machine, "jujud-machine-0"), (newer, "jujud-machine-1")):
        shown = run(container, f"systemctl show {service} -p Restart,TimeoutStopUSec,ActiveState,UnitFileState")
        assert sorted(shown.split()) == [
            "ActiveState=active",
            "Restart=on-failure",
            "TimeoutStopUSec=5min",
            "UnitFileState=enabled",
        ]


def test_a_machine_killed_in_its_first_boot_goes_on_at_the_next(lab: Bench, server: Container) -> None:
    late = Tarball("2.6.5-bionic-amd64", OLD.data)
    machine = lab.machine("2", late)
    wait(machine, "journalctl -u juju-init --no-pager | grep -q 'no server had the agent binaries'")
    machine.kill()
    lab.put(server, late.url.removeprefix("https://controller"), late.data)
    machine.start()
    booted(machine)
    wait(machine, "systemctl is-active -q jujud-machine-2")
    assert run(machine, "ls -A /var/lib/cloud/seed") == ""


def test_a_restart_of_the_container_keeps_journal_and_agent(machine: Container) -> None:
    machine.restart()
    booted(machine)
    wait(machine, "systemctl is-active -q jujud-machine-0")
    assert "tarball sha256 mismatch" in run(machine, "journalctl -u juju-init --no-pager")
    assert run(machine, "systemctl --failed --no-legend") == ""


def test_the_controllers_first_boot(lab: Bench) -> None:
    internet = lab.server("streams.canonical.com", pki.make_streams_cert(lab.ca, datetime.datetime.now(datetime.UTC)))
    path = f"/juju/tools/agent/{OLD.binary}.tgz"
    lab.put(internet, path, OLD.data)
    controller = lab.machine("0", OLD, f"https://streams.canonical.com{path}", role="controller")
    booted(controller)
    juju = "/var/lib/juju"
    assert run(controller, f"stat -c '%a %s' {juju}/bootstrap-params {juju}/bootstrap-tools.tar.gz") == (
        f"600 3\n600 {len(OLD.data)}\n"
    )
    for unit in ("jujud-controller.socket", "jujud-controller.service", "jujud-machine-0.service"):
        wait(controller, f"systemctl is-active -q {unit}")
    run(controller, "systemctl kill -s KILL jujud-controller; bash -c '</dev/tcp/127.0.0.1/17070'")
    assert "jujud controller --data-dir /var/lib/juju" in run(controller, "cat /var/log/juju/controller.log")
    logged = run(internet, "cat /var/log/nginx/access.log").splitlines()
    assert [(json.loads(line)["uri"], json.loads(line)["status"]) for line in logged] == [(path, 200)]
