"""The user's own checks of an upgraded machine: what they are, and what an answer means. Pure.

Verdicts are three. *Cannot tell* is not *bad*: a machine that could not be asked may be well, so a human decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from jujulab_core.errors import UsageError

DEFAULT_SECONDS = 5.0
MOST_SECONDS = 60.0
_KINDS = ("exec", "http", "tcp")
_KEYS = {"name", "status", "timeout", "on", *_KINDS}
# What `timeout`, a shell and SSH end with when the command itself did not end by its own will (GNU coreutils, POSIX).
_TIMED_OUT, _NOT_EXECUTABLE, _NOT_FOUND, _FIRST_SIGNAL = 124, 126, 127, 128


class Verdict(StrEnum):
    """What is known of a machine."""

    GOOD = "good"
    BAD = "bad"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True)
class Opinion:
    """A verdict and why it is not good."""

    verdict: Verdict
    why: str = ""


GOOD = Opinion(Verdict.GOOD)


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


def of_exec(code: int, said: str) -> Opinion:
    """What the end of a check's command means; a negative code stands for a signal."""
    if code == 0:
        return GOOD
    if code == _TIMED_OUT:
        return Opinion(Verdict.CANNOT_TELL, "it did not end in time")
    if code in (_NOT_EXECUTABLE, _NOT_FOUND) or code >= _FIRST_SIGNAL or code < 0:
        return Opinion(Verdict.CANNOT_TELL, f"it could not be run: {said or f'exit {code}'}")
    return Opinion(Verdict.BAD, f"exit {code}{f': {said}' if said else ''}")


def of_status(check: Check, status: int) -> Opinion:
    """What an HTTP status means."""
    return GOOD if status == check.status else Opinion(Verdict.BAD, f"answered {status} instead of {check.status}")


def together(opinions: Mapping[str, Opinion]) -> Opinion:
    """What several checks, by name, say together: one bad one decides, then one that cannot tell."""
    for verdict in (Verdict.BAD, Verdict.CANNOT_TELL):
        for name, opinion in opinions.items():
            if opinion.verdict is verdict:
                return Opinion(verdict, f"{name}: {opinion.why}")
    return GOOD
