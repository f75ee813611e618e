"""What a Docker host must give to a lab: rules over facts. :mod:`jujulab.host_probes` finds the facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from jujulab_core.errors import HostError

State = Literal["ok", "warn", "missing"]

INOTIFY_INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
# A machine's systemd holds three inotify instances, and one more now and then; they all count as root's.
INOTIFY_PER_MACHINE = 4
# What the host's own services hold.
INOTIFY_RESERVE = 32
# What 'doctor --fix' sets: enough for the largest lab that one bridge can take.
INOTIFY_WANTED = 8192
# One Linux bridge takes this many ports.
BRIDGE_PORTS = 1023

MIN_ENGINE = (20, 10)
MIB = 1024 * 1024
# The images, and an agent binary or two on every machine.
DISK_NEEDED = 2048 * MIB
DISK_WANTED = 5 * 1024 * MIB
# An idle machine with its agents was measured at 20 MiB to 30 MiB.
MEMORY_PER_MACHINE = 30 * MIB
MEMORY_NEEDED = 256 * MIB
MEMORY_WANTED = 1024 * MIB


@dataclass(frozen=True)
class Facts:
    """What was found on a host. None means that it could not be found out.

    Attributes:
        engine: What the engine says about itself; None where none answers.
        engine_error: Why none answers.
        inotify_instances: The kernel's limit for one user.
        named_hierarchy: Whether there is the cgroup hierarchy that systemd uses on a host with cgroups of version 1.
        disk_free: Bytes free where the engine keeps its data.
        memory_available: Bytes that new processes may take.
        abilities: What a helper container may do for faults: ``netem`` (delay packets), ``tbf`` (limit a rate),
            ``firewall`` (drop packets), ``mounts`` (mount in a namespace).
        ssh: Whether there is an OpenSSH client.
    """

    engine: Mapping[str, Any] | None = None
    engine_error: str = ""
    inotify_instances: int | None = None
    named_hierarchy: bool | None = None
    disk_free: int | None = None
    memory_available: int | None = None
    abilities: frozenset[str] | None = None
    ssh: bool = True


@dataclass(frozen=True)
class Probe:
    """One line of ``jujulab doctor``.

    Attributes:
        name: What was looked at.
        state: ``ok``; ``warn``: a lab runs, with less; ``missing``: no lab can run.
        detail: What was found.
        mend: What to do about it; empty where nothing is to be done.
    """

    name: str
    state: State
    detail: str
    mend: str = ""


def machine_run_kwargs(info: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments for Docker's SDK with which systemd runs as PID 1, unprivileged.

    systemd makes a cgroup for each service below its own. With the host's cgroup namespace it sees where its own
    is, so its services' stay inside the container's. With a private namespace and the host's tree bound in, it
    would take the host's root for its own, and every machine's services would share one cgroup with the host's.

    Args:
        info: What the engine says about itself (``client.info()``).

    Raises:
        HostError: The engine is of a kind in which systemd cannot run.
    """
    engine = _engine(info)
    if engine.state == "missing":
        raise HostError(f"machines cannot run here: {engine.detail}", next_step=engine.mend)
    return {
        "cgroupns": "host",
        "volumes": ["/sys/fs/cgroup:/sys/fs/cgroup:rw"],
        "tmpfs": {"/run": "mode=755,size=64m", "/run/lock": "mode=1777,size=4m"},
    }


def check_capacity(machines: int) -> None:
    """Refuses what this host's kernel would refuse halfway.

    Args:
        machines: How many containers with systemd there will be in all.

    Raises:
        HostError: That is too many; the next step is the command that makes room for them.
    """
    from jujulab import host_probes

    check_machines(machines, host_probes.inotify_instances())


def check_machines(machines: int, inotify_instances: int | None) -> None:
    """The rule of :func:`check_capacity`, with the kernel's limit given.

    Raises:
        HostError: That is too many.
    """
    if machines > BRIDGE_PORTS:
        raise HostError(
            f"a lab of {machines} machines does not fit on a Linux bridge, which takes {BRIDGE_PORTS}",
            next_step="make it smaller",
        )
    needed = machines * INOTIFY_PER_MACHINE + INOTIFY_RESERVE
    if inotify_instances is not None and inotify_instances < needed:
        raise HostError(
            f"{machines} machines need {needed} inotify instances, and this host's kernel gives {inotify_instances} "
            f"to a user, which is enough for {_fitting(inotify_instances)}",
            next_step=_sysctl(max(needed, INOTIFY_WANTED)),
        )


def examine(facts: Facts) -> list[Probe]:
    """Judges what was found; in the order in which one would mend it."""
    if facts.engine is None:
        engine = Probe(
            "engine",
            "missing",
            f"no Docker engine answers: {facts.engine_error}",
            "as root: make setup; else: install and start Docker, and let your user use it",
        )
        return [engine, _inotify(facts), _memory(facts), _ssh(facts)]
    return [
        _engine(facts.engine),
        _storage(facts.engine),
        _cgroups(facts.engine, facts.named_hierarchy),
        _inotify(facts),
        _disk(facts),
        _memory(facts),
        _network(facts.engine),
        _faults(facts),
        _ssh(facts),
    ]


def _engine(info: Mapping[str, Any]) -> Probe:
    version = str(info.get("ServerVersion", ""))
    if info.get("OSType", "linux") != "linux":
        return Probe("engine", "missing", f"it runs {info['OSType']} containers", "use an engine for Linux containers")
    if _numbers(version) < MIN_ENGINE:
        return Probe("engine", "missing", f"version {version} is too old", "install Docker 20.10 or newer")
    options = [str(option) for option in info.get("SecurityOptions") or []]
    for kind in ("rootless", "userns"):
        if any(option.startswith(f"name={kind}") for option in options):
            return Probe(
                "engine",
                "missing",
                f"it runs with name={kind}, in which a machine cannot manage its own services",
                "use an engine that runs as root, without user namespace remapping",
            )
    return Probe("engine", "ok", version)


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.split("+")[0].split("-")[0].split(".")[:2]
    return tuple(int(part) for part in parts if part.isdigit())


def _storage(info: Mapping[str, Any]) -> Probe:
    driver = str(info.get("Driver", "unknown"))
    if driver == "vfs":
        return Probe(
            "storage", "warn", "vfs: every machine is a full copy of its image", "use the storage driver overlay2"
        )
    return Probe("storage", "ok", driver)


def _cgroups(info: Mapping[str, Any], named_hierarchy: bool | None) -> Probe:
    version = str(info.get("CgroupVersion", ""))
    if version not in ("1", "2"):
        return Probe("cgroups", "missing", "the engine does not use cgroups", "give the engine cgroups, version 1 or 2")
    if version == "1" and named_hierarchy is False:
        return Probe(
            "cgroups",
            "missing",
            "version 1, without the hierarchy that systemd uses",
            "as root: mkdir /sys/fs/cgroup/systemd && "
            "mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd",
        )
    return Probe("cgroups", "ok", f"version {version}, driver {info.get('CgroupDriver', 'unknown')}")


def _inotify(facts: Facts) -> Probe:
    limit = facts.inotify_instances
    if limit is None:
        return Probe("inotify", "warn", "the limit of the engine's host cannot be read from here")
    room = f"{limit} instances: enough for {_fitting(limit)}"
    if limit < INOTIFY_RESERVE + 10 * INOTIFY_PER_MACHINE:
        return Probe("inotify", "missing", room, _sysctl(INOTIFY_WANTED))
    if limit < INOTIFY_RESERVE + 100 * INOTIFY_PER_MACHINE:
        return Probe("inotify", "warn", room, _sysctl(INOTIFY_WANTED))
    return Probe("inotify", "ok", room)


def _fitting(limit: int) -> str:
    count = min(max((limit - INOTIFY_RESERVE) // INOTIFY_PER_MACHINE, 0), BRIDGE_PORTS)
    return f"{count} machines"


def _sysctl(value: int) -> str:
    return f"as root: sysctl -w fs.inotify.max_user_instances={value}"


def _disk(facts: Facts) -> Probe:
    if facts.disk_free is None:
        return Probe("disk", "warn", "the engine's disk cannot be seen from here")
    detail = f"{_size(facts.disk_free)} free"
    mend = "make room where Docker keeps its data, for instance: docker system prune"
    if facts.disk_free < DISK_NEEDED:
        return Probe("disk", "missing", f"{detail}; a lab needs {_size(DISK_NEEDED)}", mend)
    if facts.disk_free < DISK_WANTED:
        return Probe("disk", "warn", f"{detail}; the images and a small lab fit", mend)
    return Probe("disk", "ok", detail)


def _memory(facts: Facts) -> Probe:
    available = facts.memory_available
    if available is None:
        return Probe("memory", "warn", "the memory of the engine's host cannot be seen from here")
    detail = f"{_size(available)} available: enough for about {available // MEMORY_PER_MACHINE} machines"
    if available < MEMORY_NEEDED:
        return Probe(
            "memory", "missing", f"{_size(available)} available; a lab needs {_size(MEMORY_NEEDED)}", "free some"
        )
    return Probe("memory", "ok" if available >= MEMORY_WANTED else "warn", detail)


def _network(info: Mapping[str, Any]) -> Probe:
    if "bridge" not in (info.get("Plugins", {}).get("Network") or []):
        return Probe("network", "missing", "the engine has no bridge networks", "start the engine with bridge networks")
    if not info.get("IPv4Forwarding", True):
        return Probe("network", "warn", "the host does not forward IPv4", "as root: sysctl -w net.ipv4.ip_forward=1")
    return Probe("network", "ok", "bridge")


# What each fault is made with, and how to get it.
_FAULTS = {
    "tbf": ("slow-internet, slow-network with rate", "as root: modprobe sch_tbf, where the kernel has it"),
    "netem": ("slow-network with latency", "as root: modprobe sch_netem, where the kernel has it"),
    "firewall": ("partition, slow-network with loss", "use a kernel with nf_tables"),
    "mounts": ("disk-full, controller-disk-full", "use an engine that lets containers have CAP_SYS_ADMIN"),
}


def _faults(facts: Facts) -> Probe:
    if facts.abilities is None:
        return Probe("faults", "warn", "known when the images are there", "python -m jujulab.images")
    lacking = [ability for ability in _FAULTS if ability not in facts.abilities]
    if not lacking:
        return Probe("faults", "ok", "all kinds can be made")
    detail = "; ".join(f"no {ability}: {_FAULTS[ability][0]} cannot be made" for ability in lacking)
    return Probe("faults", "warn", detail, "; ".join(_FAULTS[ability][1] for ability in lacking))


def _ssh(facts: Facts) -> Probe:
    if facts.ssh:
        return Probe("ssh", "ok", "OpenSSH client")
    return Probe("ssh", "warn", "no OpenSSH client: 'jujulab ssh' does not work", "apt-get install openssh-client")


def _size(count: int) -> str:
    return f"{count / (1024 * MIB):.1f} GiB" if count >= 1024 * MIB else f"{count // MIB} MiB"
