"""The rules of what a host must give."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jujulab import host
from jujulab.host import MIB, Facts, Probe
from jujulab_core.errors import HostError

ENGINE: dict[str, Any] = {
    "ServerVersion": "20.10.24+dfsg1",
    "OSType": "linux",
    "Driver": "overlay2",
    "CgroupVersion": "2",
    "CgroupDriver": "systemd",
    "SecurityOptions": ["name=seccomp,profile=default"],
    "Plugins": {"Network": ["bridge", "host"]},
    "IPv4Forwarding": True,
}
GOOD = Facts(
    engine=ENGINE,
    inotify_instances=8192,
    disk_free=50 * 1024 * MIB,
    memory_available=8 * 1024 * MIB,
    abilities=frozenset({"netem", "tbf", "firewall", "mounts"}),
)


def probe(facts: Facts, name: str) -> Probe:
    return next(probe for probe in host.examine(facts) if probe.name == name)


def test_a_good_host_is_good() -> None:
    assert {probe.state for probe in host.examine(GOOD)} == {"ok"}


@pytest.mark.parametrize(
    ("changes", "name", "state"),
    [
        ({"ServerVersion": "19.03.15"}, "engine", "missing"),
        ({"ServerVersion": "28.5.1"}, "engine", "ok"),
        ({"ServerVersion": "29.0.0-rc.1"}, "engine", "ok"),
        ({"OSType": "windows"}, "engine", "missing"),
        ({"SecurityOptions": ["name=rootless"]}, "engine", "missing"),
        ({"SecurityOptions": ["name=userns"]}, "engine", "missing"),
        ({"SecurityOptions": None}, "engine", "ok"),
        ({"Driver": "vfs"}, "storage", "warn"),
        ({"CgroupVersion": "1"}, "cgroups", "ok"),
        ({"CgroupVersion": ""}, "cgroups", "missing"),
        ({"Plugins": {"Network": ["null", "host"]}}, "network", "missing"),
        ({"IPv4Forwarding": False}, "network", "warn"),
    ],
)
def test_what_the_engine_says(changes: dict[str, Any], name: str, state: str) -> None:
    assert probe(replace(GOOD, engine=ENGINE | changes), name).state == state


@pytest.mark.parametrize(
    ("changes", "name", "state"),
    [
        ({"inotify_instances": None}, "inotify", "warn"),
        ({"inotify_instances": 64}, "inotify", "missing"),
        ({"inotify_instances": 128}, "inotify", "warn"),
        ({"inotify_instances": 1024}, "inotify", "ok"),
        ({"disk_free": None}, "disk", "warn"),
        ({"disk_free": 500 * MIB}, "disk", "missing"),
        ({"disk_free": 3000 * MIB}, "disk", "warn"),
        ({"memory_available": None}, "memory", "warn"),
        ({"memory_available": 100 * MIB}, "memory", "missing"),
        ({"memory_available": 500 * MIB}, "memory", "warn"),
        ({"named_hierarchy": False}, "cgroups", "missing"),
        ({"abilities": frozenset({"tbf", "firewall"})}, "faults", "warn"),
        ({"abilities": None}, "faults", "warn"),
        ({"ssh": False}, "ssh", "warn"),
    ],
)
def test_what_the_host_has(changes: dict[str, Any], name: str, state: str) -> None:
    engine = ENGINE | {"CgroupVersion": "1"}
    assert probe(replace(GOOD, engine=engine, **changes), name).state == state


def test_without_an_engine_what_can_be_seen_is_still_told() -> None:
    found = host.examine(replace(GOOD, engine=None, engine_error="nothing at unix:///x"))
    assert [probe.name for probe in found] == ["engine", "inotify", "memory", "ssh"]
    assert found[0].state == "missing"
    assert "nothing at unix:///x" in found[0].detail


@pytest.mark.parametrize("facts", [Facts(), replace(GOOD, inotify_instances=1, disk_free=0, memory_available=0)])
def test_what_is_missing_can_be_mended(facts: Facts) -> None:
    assert all(probe.mend for probe in host.examine(facts) if probe.state == "missing")


@pytest.mark.parametrize(
    ("machines", "instances", "fits"),
    [(1, 128, True), (24, 128, True), (25, 128, False), (500, 8192, True), (1023, 8192, True), (1000, None, True)],
)
def test_capacity(machines: int, instances: int | None, fits: bool) -> None:
    if fits:
        host.check_machines(machines, instances)
        return
    with pytest.raises(HostError) as raised:
        host.check_machines(machines, instances)
    assert str(raised.value) == (
        "25 machines need 132 inotify instances, and this host's kernel gives 128 to a user, "
        "which is enough for 24 machines"
    )
    assert raised.value.next_step == "as root: sysctl -w fs.inotify.max_user_instances=8192"
    assert raised.value.exit_code == 6


def test_a_bridge_has_so_many_ports() -> None:
    with pytest.raises(HostError, match="does not fit on a Linux bridge, which takes 1023"):
        host.check_machines(1024, None)


def test_machines_run_unprivileged() -> None:
    kwargs = host.machine_run_kwargs(ENGINE)
    assert kwargs["cgroupns"] == "host"
    assert not {"privileged", "cap_add", "security_opt", "pid_mode"} & set(kwargs)


def test_machines_do_not_run_on_an_engine_that_cannot_run_them() -> None:
    with pytest.raises(HostError, match="machines cannot run here: it runs with name=rootless"):
        host.machine_run_kwargs(ENGINE | {"SecurityOptions": ["name=rootless"]})
