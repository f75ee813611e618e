"""Changes to a systemd service on a machine: drop-ins, which are harmless when they are empty."""

from __future__ import annotations

from pathlib import PurePosixPath

from docker.models.containers import Container

from jujulab.faults.files import read_file, remove_file, write_file
from jujulab.faults.hands import awake, find, has_failed, is_active, shell
from jujulab.faults.model import Scene


def drop_in(service: str, name: str) -> PurePosixPath:
    """Where a drop-in of ours for a service is."""
    return PurePosixPath(f"/etc/systemd/system/{service}.d/jujulab-{name}.conf")


def put_drop_in(scene: Scene, container: Container, service: str, name: str, text: str) -> None:
    """Adds a drop-in to a service and has systemd read it."""
    write_file(container, drop_in(service, name), text.encode())
    shell(scene, container, ["systemctl", "daemon-reload"])


def remove_drop_in(scene: Scene, container: str, service: str, name: str) -> bool:
    """Takes a drop-in away again, whether its container runs or not; returns whether there was one."""
    path = drop_in(service, name)
    if not read_file(find(scene, container), path):
        return False
    with awake(scene, container) as found:
        remove_file(found or find(scene, container), path)
        if found is not None:
            # The directory goes only if nobody else has put something there.
            shell(
                scene, found, ["rmdir", "--ignore-fail-on-non-empty", str(path.parent)], ["systemctl", "daemon-reload"]
            )
    return True


def restart(scene: Scene, container: str, service: str, *, given_up: bool = False) -> bool:
    """Starts a service anew if it runs: one that somebody has stopped stays so.

    Args:
        scene: The lab.
        container: Whose service; where it is off, the service starts with it.
        service: Which.
        given_up: Whether one counts as running that systemd has given up on.

    Returns:
        Whether it was started anew.
    """
    with awake(scene, container) as found:
        if found is None:
            return False
        if not is_active(scene, found, service) and not (given_up and has_failed(scene, found, service)):
            return False
        shell(scene, found, ["systemctl", "reset-failed", service], ["systemctl", "restart", service])
    return True
