"""An upgrade under way, as plain data; what the controller tells is read here once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from jujulab_core import version
from jujulab_core.errors import UsageError


class Phase(StrEnum):
    """How far an agent is. The order is that of a normal upgrade."""

    PENDING = "pending"
    STAGING = "staging"
    STAGED = "staged"
    SWAPPING = "swapping"
    RESTARTING = "restarting"
    VERIFYING = "verifying"
    DONE = "done"
    FAILED = "failed"
    ROLLED_BACK = "rolled-back"
    STRANDED = "stranded"
    SKIPPED = "skipped"


WAITING = frozenset({Phase.PENDING, Phase.STAGING, Phase.STAGED})
IN_FLIGHT = frozenset({Phase.SWAPPING, Phase.RESTARTING, Phase.VERIFYING})
BAD = frozenset({Phase.FAILED, Phase.ROLLED_BACK, Phase.STRANDED})
TERMINAL = BAD | {Phase.DONE, Phase.SKIPPED}


@dataclass(frozen=True)
class Options:
    """How a rollout proceeds. All left out is Juju's own way: everything at once and nothing rolled back.

    Attributes:
        canary: Machines of a first wave of their own.
        batch: Machines of each further wave: a number, or a percentage of all, rounded up; empty for all at once.
        max_failures: Failed machines of the whole run that are still borne: a number, or a percentage of all, rounded
            down; more stop the rollout. Empty: none, where waves are used; any number, where not.
        health_time: Seconds that a machine's agents must stay healthy before the machine counts as done.
        rollback: Whether a machine that fails is put back to the version that it had.
    """

    canary: int = 0
    batch: str = ""
    max_failures: str = ""
    health_time: float = 0.0
    rollback: bool = False

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Options:
        """Reads the ``rollout`` map of a request or of an upgrade's record.

        Raises:
            UsageError: A value is not what it should be.
        """
        options = cls(
            canary=int(wire.get("canary") or 0),
            batch=str(wire.get("batch") or ""),
            max_failures=str(wire.get("max-failures") or ""),
            health_time=float(wire.get("health-time") or 0),
        )
        careful = options != cls() and not wire.get("no-rollback")
        share(options.batch, 1, "--batch", round_up=True)
        share(options.max_failures, 1, "--max-failures", round_up=False)
        return replace(options, rollback=careful)


def share(text: str, of: int, name: str, *, round_up: bool) -> int | None:
    """A number of machines out of `of`: ``3``, or ``25%``; None for an empty text.

    Raises:
        UsageError: It is neither; the message begins with `name`.
    """
    if not text:
        return None
    number = text.removesuffix("%")
    if not number.isdigit() or (text.endswith("%") and int(number) > 100):
        raise UsageError(f'{name} is "{text}": give a number of machines or a percentage such as 25%')
    if not text.endswith("%"):
        return int(number)
    part = of * int(number) / 100
    return math.ceil(part) if round_up else math.floor(part)


@dataclass(frozen=True)
class Agent:
    """An agent of a machine.

    Attributes:
        tag: ``machine-0`` or ``unit-ubuntu-0``.
        phase: How far it is.
        reason: Why it is where it is, where that needs saying.
        version: The version it last reported.
        connected: Whether it is logged in now.
        status: Its status, such as ``started`` or ``idle``.
        message: The status's message.
    """

    tag: str
    phase: Phase
    reason: str
    version: str
    connected: bool
    status: str
    message: str


@dataclass(frozen=True)
class Binary:
    """The agent binary that a machine shall run: its name, where it can be fetched, and what it must be."""

    name: str
    url: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Machine:
    """A machine with its agents; the machine's own agent is the first.

    Attributes:
        id: Its id in the model.
        address: Where its SSH server is.
        instance_id: Its instance; the name its host key is pinned under.
        host_key: The pinned host key, ``ssh-ed25519 AAAA...``.
        old_binary: The binary to go back to.
        binary: The binary to go to.
        stage_state: What its agent says of getting the binary: empty, ``staging``, ``staged``, ``failed``.
        stage_reason: Why it failed.
        staged: The version that is staged.
        since: When its phase began, in seconds of the epoch.
        deadline: When its phase must have ended, or None.
        agents: Its agents.
    """

    id: str
    address: str
    instance_id: str
    host_key: str
    old_binary: str
    binary: Binary
    stage_state: str
    stage_reason: str
    staged: str
    since: float
    deadline: float | None
    agents: tuple[Agent, ...]

    @property
    def phase(self) -> Phase:
        """The machine goes through the phases together with its units."""
        return self.agents[0].phase

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of its agents, the machine's own first."""
        return tuple(agent.tag for agent in self.agents)


@dataclass(frozen=True)
class Upgrade:
    """An upgrade with everything that is known of its machines.

    Attributes:
        id: The number of its record.
        model: The model's name.
        is_controller: Whether it is the controller model's.
        old: The version it started from.
        new: The version it goes to.
        status: ``running``, ``paused``, ...
        started: When it was asked for, in seconds of the epoch.
        options: How to proceed.
        machines: In the order in which they are upgraded.
    """

    id: int
    model: str
    is_controller: bool
    old: str
    new: str
    status: str
    started: float
    options: Options
    machines: tuple[Machine, ...]

    def machine(self, machine_id: str) -> Machine | None:
        """The machine with this id, or None when it has been removed."""
        return next((machine for machine in self.machines if machine.id == machine_id), None)


def from_wire(wire: Mapping[str, Any]) -> Upgrade:
    """Reads an upgrade as the controller's ``ActiveUpgrades`` gives it."""
    started = _seconds(wire["started"]) or 0.0
    machines = [_machine(entry, wire, started) for entry in wire["machines"] if entry["agents"]]
    return Upgrade(
        id=wire["id"],
        model=wire["model-name"],
        is_controller=wire["is-controller"],
        old=wire["from"],
        new=wire["to"],
        status=wire["status"],
        started=started,
        options=Options.from_wire(wire["options"]),
        machines=tuple(sorted(machines, key=lambda machine: int(machine.id))),
    )


def _machine(entry: Mapping[str, Any], wire: Mapping[str, Any], started: float) -> Machine:
    agents = sorted(entry["agents"], key=lambda agent: (not agent["tag"].startswith("machine-"), agent["tag"]))
    first = agents[0]
    old = version.Number.parse(wire["from"])
    return Machine(
        id=entry["id"],
        address=entry["address"],
        instance_id=entry["instance-id"],
        host_key=entry["host-key"],
        old_binary=str(version.Binary(old, version.binary_series(old, entry["series"]), entry["arch"])),
        binary=Binary(first["binary"], first["url"], first["sha256"], first["size"]),
        stage_state=first["stage-state"],
        stage_reason=first["stage-reason"],
        staged=first["staged"],
        since=_seconds(first["since"]) or started,
        deadline=_seconds(first["deadline"]),
        agents=tuple(
            Agent(
                tag=agent["tag"],
                phase=Phase(agent["phase"]),
                reason=agent["reason"],
                version=agent["version"],
                connected=agent["connected"],
                status=agent["status"],
                message=agent["message"],
            )
            for agent in agents
        ),
    )


def _seconds(text: str | None) -> float | None:
    return datetime.fromisoformat(text).timestamp() if text else None
