"""Command lines of the OpenSSH clients: the lab's key and host keys, and nothing of the user's own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jujulab_core.errors import JujulabError, UsageError
from jujulab_core.tags import MACHINE_RE, UNIT_RE

USER = "ubuntu"
_TARGET_RE = re.compile(r"(?:(?P<user>[^@:/]+)@)?(?P<name>[^@:]+)")


class Target(NamedTuple):
    """Where a command goes.

    Attributes:
        user: The user there.
        address: The machine's address.
        instance: The name that its host key is pinned to.
    """

    user: str
    address: str
    instance: str


def options(lab: Path, instance: str, *, host_key_checks: bool = True) -> list[str]:
    """The options of ``ssh`` and ``scp`` for one machine of a lab.

    Args:
        lab: The directory with the lab's secrets.
        instance: The machine's instance id. Addresses change when a lab starts again; these do not.
        host_key_checks: Whether the machine must have the host key that the lab made for it.
    """
    settings = {
        "IdentityFile": str(lab / "ssh" / "id_ed25519"),
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "UserKnownHostsFile": str(lab / "ssh" / "known_hosts") if host_key_checks else "/dev/null",
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes" if host_key_checks else "no",
        "HostKeyAlias": instance,
        "CheckHostIP": "no",
        "PasswordAuthentication": "no",
        "LogLevel": "ERROR",
    }
    return ["-F", "none", *(part for key, value in settings.items() for part in ("-o", f"{key}={value}"))]


def ssh_line(
    lab: Path, target: Target, command: Sequence[str], *, pty: bool | None = None, host_key_checks: bool = True
) -> list[str]:
    """The whole command line of ``ssh``; a ``--`` in front of the command is no part of it."""
    words = [*command[1:]] if command and command[0] == "--" else [*command]
    terminal = [] if pty is None else ["-t"] if pty else ["-T"]
    settings = options(lab, target.instance, host_key_checks=host_key_checks)
    line = ["ssh", *settings, *terminal, "-l", target.user, target.address]
    return [*line, "--", *words] if words else line


def find(text: str, status: Mapping[str, Any]) -> Target:
    """Finds a machine by its id, by a unit's name, or by either behind ``USER@``.

    Args:
        text: What the user typed.
        status: The model's full status, as the controller gives it.

    Raises:
        UsageError: It is neither a machine nor a unit.
        JujulabError: There is no such machine or unit, or it has no address yet.
    """
    match = _TARGET_RE.fullmatch(text)
    name = match["name"] if match else text
    machine = _machine_of(name.removesuffix("*"), status)
    entry = (status.get("machines") or {}).get(machine)
    if entry is None:
        raise JujulabError(f"machine {machine} not found", next_step="see `jujulab machines`")
    address, instance = entry.get("dns-name") or "", entry.get("instance-id") or ""
    if not address or not instance:
        raise JujulabError(f"machine {machine} has no address yet", next_step="see `jujulab machines` for its state")
    return Target((match and match["user"]) or USER, address, instance)


def _machine_of(name: str, status: Mapping[str, Any]) -> str:
    if MACHINE_RE.fullmatch(name):
        return name
    if not UNIT_RE.fullmatch(name):
        raise UsageError(
            f'"{name}" is not a machine or a unit', next_step="name a machine such as 0, or a unit such as ubuntu/0"
        )
    for application in (status.get("applications") or {}).values():
        for principal, unit in (application.get("units") or {}).items():
            if name == principal or name in (unit.get("subordinates") or {}):
                return str(unit["machine"])
    raise JujulabError(f'unit "{name}" not found', next_step="see `jujulab status`")
