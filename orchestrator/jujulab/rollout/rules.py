"""What to do next in an upgrade: pure decisions over plain data, with the time as an argument.

The state is what the controller's record and the agents say, never what this process remembers, so that a new
orchestrator goes on where a killed one stopped: every decision can be made again.

A machine and its units go together::

    pending -> staging -> staged -> swapping -> restarting -> verifying -> done
                  |                    |            |             |
                  +--------------------+------------+-------------+--> failed [-> rolled-back | stranded]

Each phase before the last has a deadline. `staging` is the agent's own work; what comes after `staged` is the
orchestrator's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from jujulab.rollout.model import BAD, TERMINAL, WAITING, Agent, Machine, Options, Phase, Upgrade, share
from jujulab_core.upgradetexts import is_under_way


class Act(StrEnum):
    """What hands can do on a machine."""

    STAGE = "stage"
    SWAP = "swap"
    LOOK = "look"
    ROLL_BACK = "roll back"


@dataclass(frozen=True)
class Limits:
    """Deadlines, in seconds.

    Attributes:
        stage: From the request until a machine has its new binary.
        stage_help: How long a machine's agent may be away before its binary is staged over SSH.
        swap: For exchanging the links and restarting the services, retries included.
        restart: From the restart until every agent of the machine has reported the new version.
        steps: From the restart until the new version's upgrade steps have ended, for an agent that is busy with them;
            it tries five times, two minutes apart (the Juju upgrade specification, section G.3).
        look: How long an agent may be silent after the restart before its machine is asked whether it runs at all.
        retry: Between two tries of the same act on the same machine.
    """

    stage: float = 600.0
    stage_help: float = 10.0
    swap: float = 120.0
    restart: float = 90.0
    steps: float = 900.0
    look: float = 10.0
    retry: float = 5.0


@dataclass(frozen=True)
class Busy:
    """An act that this process is carrying out, or has just failed to.

    Attributes:
        act: Which.
        until: None while it is under way; else the time before which it is not tried again.
    """

    act: Act
    until: float | None = None


@dataclass(frozen=True)
class Change:
    """A new phase for all agents of a machine, to be recorded before anything is done about it."""

    machine: str
    phase: Phase
    reason: str = ""
    deadline: float | None = None


@dataclass(frozen=True)
class Decision:
    """What is to be recorded, then done.

    Attributes:
        changes: New phases.
        acts: Machine id and act, to be begun after the changes were recorded.
        status: The end of the upgrade, ``complete`` or ``failed``; None while it goes on.
        reason: Why it failed.
        wake: The time at which to decide again even if nothing happens; None for no such time.
    """

    changes: tuple[Change, ...] = ()
    acts: tuple[tuple[str, Act], ...] = ()
    status: str | None = None
    reason: str = ""
    wake: float | None = None


@dataclass(frozen=True)
class Result:
    """How an act ended.

    Attributes:
        act: Which act.
        ok: Whether it did what it should.
        reason: Why not.
        unstaged: The machine said that the new binary is not complete there.
    """

    act: Act
    ok: bool
    reason: str = ""
    unstaged: bool = False


def waves(machines: Sequence[str], options: Options) -> tuple[tuple[str, ...], ...]:
    """Splits the machines into waves: the canaries first, then batches; by default all at once."""
    first, rest = tuple(machines[: options.canary]), machines[options.canary :]
    size = share(options.batch, len(machines), "--batch", round_up=True) or len(rest) or 1
    size = max(size, 1)
    batches = [tuple(rest[at : at + size]) for at in range(0, len(rest), size)]
    return tuple(wave for wave in (first, *batches) if wave)


def must_stop(machines: Sequence[Machine], options: Options) -> bool:
    """The stop rule: more machines of the whole run have failed than are borne."""
    borne = share(options.max_failures, len(machines), "--max-failures", round_up=False)
    if borne is None:
        if not (options.canary or options.batch):
            return False
        borne = 0
    return sum(machine.phase in BAD for machine in machines) > borne


def decide(upgrade: Upgrade, busy: Mapping[str, Busy], now: float, limits: Limits | None = None) -> Decision:
    """Decides what to do next.

    Args:
        upgrade: What is known.
        busy: By machine id, the acts of this process that are under way or wait for their next try.
        now: Seconds of the epoch.
        limits: Deadlines; the usual ones by default.
    """
    limits = limits or Limits()
    stopped = must_stop(upgrade.machines, upgrade.options)
    admitted = _admitted(upgrade) if upgrade.status == "running" and not stopped else frozenset()
    changes: list[Change] = []
    acts: list[tuple[str, Act]] = []
    wakes: list[float] = []
    for machine in upgrade.machines:
        change, act, wake = _machine(
            upgrade, machine, machine.id in admitted, stopped, busy.get(machine.id), now, limits
        )
        if change is not None:
            changes.append(change)
        if act is not None:
            acts.append((machine.id, act))
        if wake is not None:
            wakes.append(wake)
    status, reason = _end(apply(upgrade, changes, now), busy)
    return Decision(tuple(changes), tuple(acts), status, reason, min(wakes, default=None))


def after(upgrade: Upgrade, machine_id: str, result: Result, now: float, limits: Limits | None = None) -> Change | None:
    """The change that the end of an act brings about, or None when it is to be tried again."""
    limits = limits or Limits()
    machine = upgrade.machine(machine_id)
    if machine is None or (machine.phase in TERMINAL and result.act is not Act.ROLL_BACK):
        return None
    if result.act is Act.SWAP:
        if result.ok:
            return Change(machine_id, Phase.RESTARTING, deadline=now + limits.restart)
        if result.unstaged:
            return Change(machine_id, Phase.STAGING, result.reason, now + limits.stage)
        return None
    if result.act is Act.LOOK:
        return None if result.ok else Change(machine_id, Phase.FAILED, result.reason)
    if result.act is Act.STAGE:
        return Change(machine_id, Phase.STAGED, "staged over SSH") if result.ok else None
    reason = machine.agents[0].reason
    if result.ok:
        return Change(machine_id, Phase.ROLLED_BACK, reason)
    return Change(machine_id, Phase.STRANDED, f"{reason}; going back to {upgrade.old} failed: {result.reason}")


def apply(upgrade: Upgrade, changes: Sequence[Change], now: float) -> Upgrade:
    """The upgrade as it is once the changes are recorded."""
    by_machine = {change.machine: change for change in changes}

    def changed(machine: Machine) -> Machine:
        change = by_machine.get(machine.id)
        if change is None:
            return machine
        agents = tuple(replace(agent, phase=change.phase, reason=change.reason) for agent in machine.agents)
        return replace(machine, agents=agents, since=now, deadline=change.deadline)

    return replace(upgrade, machines=tuple(changed(machine) for machine in upgrade.machines))


def _admitted(upgrade: Upgrade) -> frozenset[str]:
    """The machines that may be swapped now: those of the first wave that has not ended, and of those before it."""
    phases = {machine.id: machine.phase for machine in upgrade.machines}
    admitted: set[str] = set()
    for wave in waves(tuple(phases), upgrade.options):
        admitted.update(wave)
        if any(phases[machine_id] not in TERMINAL for machine_id in wave):
            break
    return frozenset(admitted)


_Verdict = tuple[Change | None, Act | None, float | None]


def _machine(
    upgrade: Upgrade, machine: Machine, admitted: bool, stopped: bool, busy: Busy | None, now: float, limits: Limits
) -> _Verdict:
    if machine.phase in WAITING:
        if stopped:
            return Change(machine.id, Phase.SKIPPED, "the stop rule tripped before its turn"), None, None
        return _waiting(upgrade, machine, admitted, busy, now, limits)
    if machine.phase is Phase.SWAPPING:
        return _swapping(machine, busy, now, limits)
    if machine.phase in (Phase.RESTARTING, Phase.VERIFYING):
        return _restarted(upgrade, machine, busy, now, limits)
    if machine.phase is Phase.FAILED and upgrade.options.rollback:
        return (None, None, None) if busy and busy.until is None else (None, Act.ROLL_BACK, None)
    return None, None, None


def _waiting(
    upgrade: Upgrade, machine: Machine, admitted: bool, busy: Busy | None, now: float, limits: Limits
) -> _Verdict:
    staged = machine.phase is Phase.STAGED or (machine.stage_state == "staged" and machine.staged == upgrade.new)
    if staged and admitted:
        # Written before it is done: who finds `swapping` knows that the machine may have been touched.
        return Change(machine.id, Phase.SWAPPING, deadline=now + limits.swap), Act.SWAP, now + limits.swap
    if staged:
        return (None if machine.phase is Phase.STAGED else Change(machine.id, Phase.STAGED)), None, None
    if all(_is_up(agent, upgrade.new) for agent in machine.agents):
        # It runs the new version already, as after the restore of an older state: such agents stage nothing.
        return (Change(machine.id, Phase.DONE) if admitted else None), None, None
    deadline = machine.deadline or upgrade.started + limits.stage
    if now >= deadline and not _under_way(busy):
        return Change(machine.id, Phase.FAILED, _why_unstaged(machine, limits)), None, None
    change = None
    reason = machine.stage_reason if machine.stage_state == "failed" else ""
    if machine.stage_state and (machine.phase is Phase.PENDING or machine.agents[0].reason != reason):
        change = Change(machine.id, Phase.STAGING, reason, deadline)
    if machine.agents[0].connected:
        return change, None, deadline
    help_at = max(upgrade.started + limits.stage_help, busy.until if busy and busy.until else 0.0)
    if _under_way(busy) or now < help_at:
        return change, None, min(deadline, help_at) if not _under_way(busy) else deadline
    return change, Act.STAGE, deadline


def _swapping(machine: Machine, busy: Busy | None, now: float, limits: Limits) -> _Verdict:
    deadline = machine.deadline or machine.since + limits.swap
    if _under_way(busy):
        return None, None, None
    if now >= deadline:
        return (
            Change(machine.id, Phase.FAILED, f"its agents could not be exchanged within {limits.swap:g} s"),
            None,
            None,
        )
    if busy is not None and busy.until is not None and now < busy.until:
        return None, None, min(deadline, busy.until)
    # Not under way here: an orchestrator before this one began it. Doing it again does no harm.
    return None, Act.SWAP, deadline


def _restarted(upgrade: Upgrade, machine: Machine, busy: Busy | None, now: float, limits: Limits) -> _Verdict:
    gave_up = next((agent for agent in machine.agents if "(giving up)" in agent.message), None)
    if gave_up is not None:
        return Change(machine.id, Phase.FAILED, f"{gave_up.tag}: {gave_up.message}"), None, None
    late = [agent for agent in machine.agents if not _is_up(agent, upgrade.new)]
    deadline = machine.deadline or machine.since + limits.restart
    if late and all(agent.connected and agent.version == upgrade.new for agent in late):
        deadline += limits.steps - limits.restart
    if not late:
        if not upgrade.options.health_time:
            return Change(machine.id, Phase.DONE), None, None
        if machine.phase is Phase.RESTARTING:
            return Change(machine.id, Phase.VERIFYING, deadline=deadline + upgrade.options.health_time), None, now
        healthy_at = machine.since + upgrade.options.health_time
        return (Change(machine.id, Phase.DONE), None, None) if now >= healthy_at else (None, None, healthy_at)
    if now >= deadline:
        return Change(machine.id, Phase.FAILED, _why_late(late, upgrade.new)), None, None
    if machine.phase is Phase.VERIFYING:
        return Change(machine.id, Phase.RESTARTING, f"{late[0].tag} did not stay healthy", deadline), None, deadline
    if _under_way(busy) or all(agent.connected for agent in late):
        return None, None, deadline
    look_at = max(machine.since + limits.look, busy.until if busy and busy.until else 0.0)
    # A release that crashes is known as bad long before the deadline: systemd has given up on it.
    return (None, Act.LOOK, deadline) if now >= look_at else (None, None, min(look_at, deadline))


def _is_up(agent: Agent, version: str) -> bool:
    """The new process itself has logged in, says that it is the new version, and has run its upgrade steps."""
    at_rest = agent.status in ("started", "idle", "executing") and not is_under_way(agent.message)
    return agent.connected and agent.version == version and at_rest


def _why_late(late: Sequence[Agent], version: str) -> str:
    agent = late[0]
    if not agent.connected:
        return f"{agent.tag} has not logged in again"
    if agent.version != version:
        return f"{agent.tag} reports {agent.version or 'no version'} instead of {version}"
    return f"{agent.tag} is {agent.status}: {agent.message or 'no message'}"


def _why_unstaged(machine: Machine, limits: Limits) -> str:
    if machine.stage_reason:
        return f"it could not get its new agent binary within {limits.stage:g} s: {machine.stage_reason}"
    if not machine.agents[0].connected:
        return f"its agent is not connected and SSH did not help within {limits.stage:g} s"
    return f"it did not get its new agent binary within {limits.stage:g} s"


def _under_way(busy: Busy | None) -> bool:
    return busy is not None and busy.until is None


def _end(upgrade: Upgrade, busy: Mapping[str, Busy]) -> tuple[str | None, str]:
    bad = [machine for machine in upgrade.machines if machine.phase in BAD]
    unfinished = any(
        machine.phase not in TERMINAL or (machine.phase is Phase.FAILED and upgrade.options.rollback)
        for machine in upgrade.machines
    )
    if unfinished or any(_under_way(entry) for entry in busy.values()):
        return None, ""
    if not bad:
        return "complete", ""
    names = ", ".join(f"machine {machine.id}" for machine in bad[:5])
    return "failed", f"{len(bad)} of {len(upgrade.machines)} machines failed: {names}"
