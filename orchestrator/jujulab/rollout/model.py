"""An upgrade under way, as plain data; what the controller tells is read here once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jujulab.rollout.phases import Phase
from jujulab_core import version
from jujulab_core.rollout import Options


@dataclass(frozen=True)
class Agent:
    """An agent of a machine.

    Attributes:
        tag: ``machine-0`` or ``unit-ubuntu-0``.
        phase: How far it is.
        reason: Why it is where it is, where that needs saying.
        version: The version it last reported.
        connected: Whether it is logged in now.
        connected_since: When it logged in, in seconds of the epoch; 0 if it is not.
        spoken: Whether it has said how it is since it last logged in.
        logins: How often it has logged in.
        logins_before: How often it had when its exchange began; 0 if it was never exchanged.
        status: Its status, such as ``started`` or ``idle``.
        message: The status's message.
    """

    tag: str
    phase: Phase
    reason: str
    version: str
    connected: bool
    connected_since: float
    spoken: bool
    logins: int
    logins_before: int
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
        old: The version to go back to: the one that it had before, whatever the model's was.
        old_binary: The binary of that version.
        binary: The binary to go to.
        stage_state: What its agent says of getting the binary: empty, ``staging``, ``staged``, ``failed``.
        stage_reason: Why it failed.
        staged: The version that is staged.
        since: When its phase began, in seconds of the epoch.
        deadline: When its phase must have ended, or None.
        agents: Its agents.
        before: Where the binary to go back to can be fetched; None where it is not on its way back.
    """

    id: str
    address: str
    instance_id: str
    host_key: str
    old: str
    old_binary: str
    binary: Binary
    stage_state: str
    stage_reason: str
    staged: str
    since: float
    deadline: float | None
    agents: tuple[Agent, ...]
    before: Binary | None = None

    @property
    def phase(self) -> Phase:
        """The machine goes through the phases together with its units."""
        return self.agents[0].phase

    @property
    def reason(self) -> str:
        """Why it is in its phase, where that needs saying."""
        return self.agents[0].reason

    @property
    def touched(self) -> bool:
        """Whether its exchange was ever begun: its links may lead to the new version."""
        return any(agent.logins_before for agent in self.agents)

    @property
    def applications(self) -> frozenset[str]:
        """The applications that have units on it."""
        return frozenset(tag.removeprefix("unit-").rpartition("-")[0] for tag in self.tags if tag.startswith("unit-"))

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
        status: ``running``, ``paused``, ``aborting``, or how it ended.
        roll_back: Whether an abort also puts back the machines that are done.
        accepted: Ids of machines that a human has declared good.
        options: How to proceed.
        machines: In the order in which they are upgraded.
        held: Whether the controller upgrades itself, and lets none of these agents in meanwhile.
        controller_since: When the controller's process started, in seconds of the epoch: all agents log in again then.
    """

    id: int
    model: str
    is_controller: bool
    old: str
    new: str
    status: str
    roll_back: bool
    accepted: frozenset[str]
    options: Options
    machines: tuple[Machine, ...]
    held: bool = False
    controller_since: float = -math.inf

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
        roll_back=wire["roll-back"],
        accepted=frozenset(wire["accepted"]),
        options=Options.from_wire(wire["options"]),
        machines=tuple(sorted(machines, key=lambda machine: int(machine.id))),
        held=wire["waits-for"] is not None,
        controller_since=datetime.fromisoformat(wire["controller-since"]).timestamp(),
    )


def _machine(entry: Mapping[str, Any], wire: Mapping[str, Any], started: float) -> Machine:
    agents = sorted(entry["agents"], key=lambda agent: (not agent["tag"].startswith("machine-"), agent["tag"]))
    first = agents[0]
    # Never touched, it would go back to what it runs.
    old = version.Number.parse(first["version-before"] or first["version"] or wire["from"])
    return Machine(
        id=entry["id"],
        address=entry["address"],
        instance_id=entry["instance-id"],
        host_key=entry["host-key"],
        old=str(old),
        old_binary=str(version.Binary(old, version.binary_series(old, entry["series"]), entry["arch"])),
        binary=_binary(first),
        before=_binary(entry["before"]) if entry["before"] else None,
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
                connected_since=_seconds(agent["connected-since"]) or 0.0,
                spoken=agent["spoken"],
                logins=agent["logins"],
                logins_before=agent["logins-before"],
                status=agent["status"],
                message=agent["message"],
            )
            for agent in agents
        ),
    )


def _binary(wire: Mapping[str, Any]) -> Binary:
    return Binary(wire["binary"], wire["url"], wire["sha256"], wire["size"])


def _seconds(text: str | None) -> float | None:
    return datetime.fromisoformat(text).timestamp() if text else None
