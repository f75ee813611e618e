"""How a rollout proceeds, as a command's options, a lab file, a model's configuration or any client asks for it.

Read and checked in one place, because the controller keeps what the orchestrator later carries out.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from jujulab_core.errors import UsageError

DEFAULT_SECONDS = 5.0
MOST_SECONDS = 60.0
_KINDS = ("exec", "http", "tcp")
_KEYS = {"name", "status", "timeout", "on", *_KINDS}
# What the rest of a name stands for in a model's configuration.
CONFIG_PREFIX = "rollout-"
DEFAULTS: Mapping[str, Any] = {
    "canary": 0,
    "batch": "",
    "max-failures": "",
    "max-unreachable": "",
    "health-time": 0,
    "no-rollback": False,
    "checks": [],
}
MOST_MACHINES = 1000
MOST_HEALTH_SECONDS = 86_400


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        name: What it is called in reasons.
        kind: ``exec``, ``http`` or ``tcp``.
        target: A shell command; ``:PORT/PATH`` or ``http://{address}:PORT/PATH``; a port.
        status: The HTTP status that is good.
        timeout: Seconds.
        on: Machine ids or application names; empty for every machine.
    """

    name: str
    kind: str
    target: str
    status: int = 200
    timeout: float = DEFAULT_SECONDS
    on: tuple[str, ...] = ()

    @classmethod
    def from_wire(cls, wire: object) -> Check:
        """Reads a check of a lab file or of an upgrade's options.

        Raises:
            UsageError: It is not what it should be.
        """
        if not isinstance(wire, Mapping):
            raise UsageError(f'a check is a map such as {{name: web, tcp: 80}}, not "{wire}"')
        name = str(wire.get("name") or "")
        where = f'check "{name}"' if name else "a check"
        unknown = sorted(set(map(str, wire)) - _KEYS)
        if unknown:
            raise UsageError(f'{where} has a key "{unknown[0]}": use {", ".join(sorted(_KEYS))}')
        kinds = [kind for kind in _KINDS if wire.get(kind)]
        if len(kinds) != 1:
            raise UsageError(f"{where} must have exactly one of {', '.join(_KINDS)}")
        kind, target = kinds[0], str(wire[kinds[0]])
        _check_target(where, kind, target)
        on = wire.get("on") or ()
        if isinstance(on, str) or not isinstance(on, list | tuple):
            raise UsageError(f"{where}: on must be a list of machines or applications")
        status = _number(where, "status", wire.get("status", 200), 599)
        timeout = _number(where, "timeout", wire.get("timeout", DEFAULT_SECONDS), MOST_SECONDS)
        return cls(name or f"{kind} {target}", kind, target, int(status), timeout, tuple(map(str, on)))

    def url(self, address: str) -> str:
        """The address that an ``http`` check asks on a machine."""
        host = f"[{address}]" if ":" in address else address
        return f"http://{host}{self.target}" if self.target.startswith(":") else self.target.replace("{address}", host)

    def concerns(self, machine_id: str, applications: frozenset[str]) -> bool:
        """Whether it is made on this machine, which has units of these applications."""
        return not self.on or machine_id in self.on or bool(applications & set(self.on))


def _check_target(where: str, kind: str, target: str) -> None:
    if kind == "tcp" and not (target.isdigit() and 0 < int(target) < 65536):
        raise UsageError(f'{where}: tcp is "{target}": give a port')
    if kind != "http":
        return
    begin = target.removeprefix("http://{address}")
    if not begin.startswith((":", "/")) or (begin == target and not target.startswith(":")):
        raise UsageError(f'{where}: http is "{target}": give :PORT/PATH or http://{{address}}:PORT/PATH')
    port = begin.removeprefix(":").partition("/")[0]
    if begin.startswith(":") and not (port.isdigit() and 0 < int(port) < 65536):
        raise UsageError(f'{where}: http is "{target}": "{port}" is not a port')


def _number(where: str, key: str, value: object, most: float) -> float:
    try:
        number = float(str(value))
    except ValueError:
        number = 0.0
    if not 0 < number <= most:
        raise UsageError(f'{where}: {key} is "{value}": give a number up to {most:g}')
    return number


@dataclass(frozen=True)
class Options:
    """How a rollout proceeds. All left out is Juju's own way: everything at once and nothing rolled back.

    Attributes:
        canary: Machines of a first wave of their own.
        batch: Machines of each further wave: a number, or a percentage of all, rounded up; empty for all at once.
        max_failures: Failed machines of the whole run that are still borne: a number, or a percentage of all, rounded
            down; more stop the rollout. Empty: none, where waves or checks are used; any number, where not.
        max_unreachable: The same for machines that could not be reached, which are counted apart. Empty: as many as
            failures.
        health_time: Seconds that a machine's agents must stay healthy before the machine counts as done.
        checks: What is asked of a machine before it counts as done.
        careful: Whether anything at all is asked for that Juju itself does not have.
        rollback: Whether a machine that fails is put back to the version that it had.
    """

    canary: int = 0
    batch: str = ""
    max_failures: str = ""
    max_unreachable: str = ""
    health_time: float = 0.0
    checks: tuple[Check, ...] = ()
    careful: bool = False
    rollback: bool = False

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Options:
        """Reads the ``rollout`` map of a request or of an upgrade's record.

        Raises:
            UsageError: A value is not what it should be; the message names the command's option.
        """
        read = {**DEFAULTS} | {
            key: checked(key, wire[key], f"--{key}") for key in DEFAULTS if wire.get(key) is not None
        }
        options = cls(
            canary=read["canary"],
            batch=read["batch"],
            max_failures=read["max-failures"],
            max_unreachable=read["max-unreachable"],
            health_time=float(read["health-time"]),
            checks=tuple(Check.from_wire(check) for check in read["checks"]),
        )
        careful = options != cls()
        return replace(options, careful=careful, rollback=careful and not read["no-rollback"])


def checked(key: str, value: Any, name: str) -> Any:
    """Reads one option, as JSON, YAML or the text of a model's configuration have it.

    Args:
        key: One of :data:`DEFAULTS`.
        value: What was given.
        name: What the giver calls it: ``--batch``, ``rollout-batch``.

    Returns:
        The value in the form that upgrades keep.

    Raises:
        UsageError: It is not what it should be; the message begins with `name`.
    """
    if key in ("canary", "health-time"):
        most = MOST_MACHINES if key == "canary" else MOST_HEALTH_SECONDS
        if isinstance(value, bool) or not re.fullmatch("[0-9]{1,9}", str(value)) or int(value) > most:
            raise UsageError(f'{name} is "{value}": give a whole number from 0 to {most}')
        return int(value)
    if key == "no-rollback":
        if str(value).lower() not in ("true", "false"):
            raise UsageError(f'{name} is "{value}": give true or false')
        return str(value).lower() == "true"
    if key == "checks":
        return _checks(value, name)
    share(str(value), 1, name, round_up=key == "batch")
    return str(value)


def share(text: str, of: int, name: str, *, round_up: bool) -> int | None:
    """A number of machines out of `of`: ``3``, or ``25%``; None for an empty text.

    Raises:
        UsageError: It is neither; the message begins with `name`.
    """
    if not text:
        return None
    number = text.removesuffix("%")
    if not re.fullmatch("[0-9]{1,9}", number) or (text.endswith("%") and int(number) > 100):
        raise UsageError(f'{name} is "{text}": give a number of machines or a percentage such as 25%')
    # A batch of none would never come to an end.
    if round_up and not int(number):
        raise UsageError(f'{name} is "{text}": give at least one machine')
    if not text.endswith("%"):
        return int(number)
    part = of * int(number) / 100
    return math.ceil(part) if round_up else math.floor(part)


def _checks(value: Any, name: str) -> list[dict[str, Any]]:
    if isinstance(value, str):
        try:
            value = json.loads(value or "[]")
        except ValueError as error:
            raise UsageError(f"{name} is not a list of checks in JSON: {error}") from error
    if not isinstance(value, list):
        raise UsageError(f"{name} is not a list of checks")
    names: set[str] = set()
    for entry in value:
        try:
            check = Check.from_wire(entry)
        except UsageError as error:
            raise UsageError(f"{name}: {error}") from error
        if check.name in names:
            raise UsageError(f'{name}: two checks are called "{check.name}"')
        names.add(check.name)
    return value
