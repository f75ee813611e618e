"""The shell around :mod:`jujulab.host`: looks at the host and its engine, and mends what can be mended from here."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import DockerException, ImageNotFound

from jujulab.host import INOTIFY_INSTANCES, INOTIFY_WANTED, Facts
from jujulab.images import image_tag
from jujulab_core.errors import HostError

ENGINE_SECONDS = 10
SYSCTL_FILE = Path("/etc/sysctl.d/60-jujulab.conf")
# What faults are made with, tried in namespaces of its own, so that nothing else is touched.
_ABILITIES_SCRIPT = """
iptables -A INPUT -m statistic --mode random --probability 0.5 -j DROP 2>/dev/null && echo firewall
mkdir /mnt/probe && mount -t tmpfs probe /mnt/probe 2>/dev/null && echo mounts
tc qdisc add dev lo root netem delay 1ms 2>/dev/null && echo netem && tc qdisc del dev lo root
tc qdisc add dev lo root tbf rate 1mbit burst 32kbit latency 400ms 2>/dev/null && echo tbf
true
"""


def gather() -> Facts:
    """Finds out what :class:`jujulab.host.Facts` asks for."""
    try:
        client = docker.from_env(timeout=ENGINE_SECONDS)
    except DockerException as error:
        return _without_engine(error)
    try:
        info: dict[str, Any] = client.info()
        abilities = _abilities(client)
    except (DockerException, requests.exceptions.RequestException) as error:
        return _without_engine(error)
    finally:
        client.close()
    return Facts(
        engine=info,
        inotify_instances=inotify_instances(),
        named_hierarchy=_named_hierarchy(),
        disk_free=_disk_free(str(info.get("DockerRootDir", ""))),
        memory_available=_memory_available(),
        abilities=abilities,
        ssh=shutil.which("ssh") is not None,
    )


def _without_engine(error: Exception) -> Facts:
    where = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    # Docker's SDK wraps the cause in text only.
    return Facts(
        engine_error=f"this user may not use {where}" if "PermissionError" in str(error) else f"nothing at {where}",
        inotify_instances=inotify_instances(),
        memory_available=_memory_available(),
        ssh=shutil.which("ssh") is not None,
    )


def _engine_is_elsewhere() -> bool:
    return not os.environ.get("DOCKER_HOST", "unix://").startswith("unix://")


def inotify_instances() -> int | None:
    """The kernel's limit for one user; None where it cannot be read, as for an engine on another host."""
    if not _engine_is_elsewhere():
        with suppress(OSError, ValueError):
            return int(INOTIFY_INSTANCES.read_text())
    return None


def raise_inotify_instances() -> bool:
    """Raises the kernel's limit, now and for the next boot.

    Returns:
        Whether it had to be raised.

    Raises:
        HostError: The kernel does not let us.
    """
    limit = inotify_instances()
    if limit is None or limit >= INOTIFY_WANTED:
        return False
    try:
        INOTIFY_INSTANCES.write_text(f"{INOTIFY_WANTED}\n")
        if SYSCTL_FILE.parent.is_dir():
            SYSCTL_FILE.write_text(f"fs.inotify.max_user_instances = {INOTIFY_WANTED}\n")
    except OSError as error:
        raise HostError(
            f"cannot raise fs.inotify.max_user_instances: {error.strerror}",
            next_step="run this as root on the engine's host: jujulab doctor --fix",
        ) from error
    return True


def _named_hierarchy() -> bool | None:
    if not _engine_is_elsewhere():
        with suppress(OSError):
            return "name=systemd" in Path("/proc/mounts").read_text()
    return None


def _disk_free(directory: str) -> int | None:
    if directory and not _engine_is_elsewhere():
        # The engine's directory may be closed to us; what it lies on is not.
        for path in (Path(directory), *Path(directory).parents):
            with suppress(OSError):
                return shutil.disk_usage(path).free
    return None


def _memory_available() -> int | None:
    if not _engine_is_elsewhere():
        with suppress(OSError, ValueError, IndexError):
            for line in Path("/proc/meminfo").read_text().splitlines():
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    return None


def _abilities(client: docker.DockerClient) -> frozenset[str] | None:
    try:
        client.images.get(image_tag("base"))
    except ImageNotFound:
        return None
    output = client.containers.run(
        image_tag("base"),
        ["sh", "-c", _ABILITIES_SCRIPT],
        cap_add=["NET_ADMIN", "SYS_ADMIN"],
        security_opt=["apparmor=unconfined"],
        network_mode="none",
        remove=True,
    )
    return frozenset(output.decode().split())
