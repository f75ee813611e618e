"""What to do next in an upgrade: pure decisions over plain data, with the time as an argument.

The state is what the controller's record and the agents say, never what this process remembers, so that a new
orchestrator goes on where a killed one stopped: every decision can be made again. There are two kinds of events:
something was reported or time has passed (:func:`decide`), and an act of this process has ended (:func:`after`).
What either decides is recorded before it is done.

A machine and its units go through the phases together; `phases` has the table of what may follow what.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jujulab.rollout import ending, gate, phases
from jujulab.rollout.acts import Act, Busy, Change, Decision, Limits, Result
from jujulab.rollout.advice import by_hand
from jujulab.rollout.applied import apply
from jujulab.rollout.checks import Opinion, Verdict
from jujulab.rollout.model import Machine, Upgrade
from jujulab.rollout.phases import CANNOT_TELL, INCOMPLETE, UNREACHABLE, WAITING, Phase
from jujulab.rollout.waves import admitted, must_stop

# Beginnings of reasons that are read again here: why it failed says what must have changed for another try.
_AWAY = f"{UNREACHABLE}its agent is away"
_NO_BINARY = "no binary: "
_STEPS = "its upgrade steps take long"
# What depends on agents that can log in.
_HELD = (*WAITING, Phase.RESTARTING, Phase.RETURNING, Phase.VERIFYING)
_GOING_BACK = "; going back failed: "


@dataclass(frozen=True)
class _Next:
    """What one machine needs: a change of phase, an act, and when to look again."""

    change: Change | None = None
    act: Act | None = None
    wake: float | None = None


def decide(upgrade: Upgrade, busy: Mapping[str, Busy], now: float, limits: Limits | None = None) -> Decision:
    """Decides what to do next.

    Args:
        upgrade: What is known.
        busy: By machine id, the acts of this process that are under way or wait for their next try.
        now: Seconds of the epoch.
        limits: Deadlines; the usual ones by default.
    """
    stopped = must_stop(upgrade.machines, upgrade.options)
    # A failed upgrade goes on with those who come late.
    begins = admitted(upgrade) if upgrade.status in ("running", "failed") and not stopped else frozenset()
    found = {
        machine.id: _Case(
            upgrade, machine, machine.id in begins, stopped, busy.get(machine.id), now, limits or Limits()
        ).next()
        for machine in upgrade.machines
    }
    changes = tuple(entry.change for entry in found.values() if entry.change is not None)
    if must_stop(apply(upgrade, changes, now).machines, upgrade.options):
        # What is known from now on trips the rule: who would begin by the same decision does not.
        found = {name: entry for name, entry in found.items() if not _begins(upgrade, name, entry)}
        changes = tuple(entry.change for entry in found.values() if entry.change is not None)
    acts = tuple((name, entry.act) for name, entry in found.items() if entry.act is not None)
    wakes = [entry.wake for entry in found.values() if entry.wake is not None]
    status, reason = ending.status(apply(upgrade, changes, now), busy)
    return Decision(changes, acts, status, reason, min(wakes, default=None))


def _begins(upgrade: Upgrade, machine_id: str, entry: _Next) -> bool:
    machine = upgrade.machine(machine_id)
    starts = entry.change is not None and entry.change.phase is Phase.SWAPPING
    return starts and machine is not None and machine.phase in WAITING


def after(upgrade: Upgrade, machine_id: str, result: Result, now: float, limits: Limits | None = None) -> Decision:
    """What the end of an act brings about: at most one change, and a pause where a human must say how to go on."""
    machine = upgrade.machine(machine_id)
    if machine is None or machine.phase not in _PHASES_OF[result.act]:
        return Decision()
    case = _Case(upgrade, machine, False, False, None, now, limits or Limits())
    if result.act is Act.CHECK:
        return case.checked(result.opinion)
    change = case.ended(result)
    return Decision((change,) if change else ())


def both(first: Decision, second: Decision) -> Decision:
    """Two decisions of :func:`after` as one, to be recorded together."""
    status, reason = (second.status, second.reason) if second.status else (first.status, first.reason)
    return Decision(first.changes + second.changes, first.acts + second.acts, status, reason)


# An act whose machine has gone on in the meantime changes nothing any more.
_PHASES_OF = {
    Act.STAGE: {Phase.PENDING, Phase.STAGING},
    Act.SWAP: {Phase.SWAPPING},
    Act.LOOK: {Phase.RESTARTING, Phase.RETURNING},
    Act.CHECK: {Phase.VERIFYING},
    Act.ROLL_BACK: {Phase.ROLLING_BACK},
}


@dataclass(frozen=True)
class _Case:
    """One machine of an upgrade at a moment."""

    upgrade: Upgrade
    machine: Machine
    admitted: bool
    stopped: bool
    busy: Busy | None
    now: float
    limits: Limits

    def next(self) -> _Next:
        """What it needs."""
        phase, aborting = self.machine.phase, self.upgrade.status == "aborting"
        if aborting and self.upgrade.roll_back and self._must_go_back():
            return _Next() if self._under_way else _Next(self._back("the upgrade is rolled back"))
        if phase in WAITING and (aborting or self.stopped):
            why = "the upgrade was aborted" if aborting else "the stop rule tripped"
            # What was exchanged once and is to be tried again has not been left as it was.
            end = Phase.FAILED if self.machine.touched else Phase.SKIPPED
            return _Next(self._to(end, f"{why} before its turn"))
        if self.upgrade.held and phase in _HELD:
            return self._held()
        if phase in WAITING:
            return self._waiting()
        if phase is Phase.SWAPPING:
            return self._exchanging(Act.SWAP)
        if phase is Phase.ROLLING_BACK:
            return self._exchanging(Act.ROLL_BACK)
        if phase in (Phase.RESTARTING, Phase.RETURNING):
            return self._restarted()
        if phase is Phase.VERIFYING:
            return self._verifying()
        if phase is Phase.FAILED and not aborting and not self.stopped:
            return self._failed()
        return _Next()

    def ended(self, result: Result) -> Change | None:
        """The change that the end of an act other than checks brings about; None when it is just tried again."""
        machine, reason = self.machine, f"{UNREACHABLE if result.unreachable else ''}{result.reason}"
        if result.act is Act.STAGE:
            if result.ok:
                return self._to(Phase.STAGED, "staged over SSH")
            return self._anew(f"{INCOMPLETE if machine.reason.startswith(INCOMPLETE) else ''}{reason}", Phase.STAGING)
        if result.act is Act.LOOK:
            if not result.ok and not result.unreachable:
                return self._missed(result.reason)
            # Other reasons stay: that upgrade steps got their longer time already is one.
            return self._anew(reason) if _STEPS not in machine.reason and (reason or self._unreachable) else None
        if result.act is Act.ROLL_BACK:
            if result.ok:
                return self._to(Phase.RETURNING, _cause(machine), self.now + self.limits.restart)
            return self._missed(reason, unstaged=True) if result.unstaged else self._anew(reason)
        if result.ok:
            return self._to(Phase.RESTARTING, deadline=self.now + self.limits.restart)
        if result.unstaged:
            return self._to(Phase.STAGING, f"{INCOMPLETE}{reason}", self.now + self.limits.stage)
        return self._anew(reason)

    def checked(self, opinion: Opinion) -> Decision:
        """What the checks' answers bring about."""
        if opinion.verdict is Verdict.GOOD:
            # Where an agent did not stay healthy meanwhile, they were asked too early.
            early = self.now < self.machine.since + self.upgrade.options.health_time
            early = early or bool(gate.unsteady(self.machine, self.upgrade.new))
            return Decision(() if early else (self._to(Phase.DONE),))
        if opinion.verdict is Verdict.BAD:
            return Decision((self._missed(opinion.why),))
        if self.now < self.machine.since + self.upgrade.options.health_time + self.limits.ask:
            return Decision()
        if self.upgrade.status not in ("running", "paused"):
            return Decision((self._missed(f"nobody can tell whether it is good: {opinion.why}"),))
        change = self._to(Phase.VERIFYING, f"{CANNOT_TELL}{opinion.why}")
        if self.upgrade.status == "paused":
            return Decision((change,))
        # The commands that go on from here are what the command line says of a paused upgrade.
        reason = f"cannot tell whether machine {self.machine.id} is good: {opinion.why}"
        return Decision((change,), status="paused", reason=reason)

    def _held(self) -> _Next:
        """The controller upgrades itself and lets no agent in: nobody begins, nobody is judged, nobody's time runs."""
        machine, limits = self.machine, self.limits
        if machine.reason.startswith(CANNOT_TELL):
            return _Next()
        most = limits.stage if machine.phase in WAITING else limits.restart + self._gate_seconds
        again = (machine.deadline or machine.since + most) - most / 2
        return (
            _Next(wake=again) if self.now < again else _Next(self._to(machine.phase, machine.reason, self.now + most))
        )

    def _waiting(self) -> _Next:
        machine, upgrade, limits = self.machine, self.upgrade, self.limits
        if not gate.late(machine, upgrade.new):
            # It runs the new version already, as after the restore of an older state: such agents stage nothing.
            return _Next(self._arrived(self.now + limits.restart) if self.admitted else None)
        gone = machine.phase is Phase.STAGING and machine.reason.startswith(INCOMPLETE)
        reported = machine.stage_state == "staged" and machine.staged == upgrade.new and not gone
        if machine.phase is Phase.STAGED or reported:
            if self.admitted and not self._under_way:
                # Written before it is done: who finds `swapping` knows that the machine may have been touched.
                deadline = self.now + limits.swap
                return _Next(self._to(Phase.SWAPPING, deadline=deadline), Act.SWAP, deadline)
            return _Next(None if machine.phase is Phase.STAGED else self._to(Phase.STAGED))
        deadline = machine.deadline or machine.since + limits.stage
        if self.now >= deadline and not self._under_way:
            return _Next(self._to(Phase.FAILED, self._why_unstaged()))
        change = None if gone else self._staging(deadline)
        if machine.agents[0].connected and not gone:
            return _Next(change, wake=deadline)
        return self._act(Act.STAGE, deadline, 0.0 if gone else machine.since + limits.stage_help, change)

    def _staging(self, deadline: float) -> Change | None:
        """What the agent itself says of getting its binary."""
        machine = self.machine
        if not machine.stage_state or not machine.agents[0].connected:
            return None
        reason = machine.stage_reason if machine.stage_state == "failed" else ""
        if machine.phase is Phase.STAGING and machine.reason == reason:
            return None
        return self._to(Phase.STAGING, reason, deadline)

    def _exchanging(self, act: Act) -> _Next:
        """`swapping` and `rolling-back`: the act is tried until it is done or too late.

        Where an orchestrator before this one began it, it is done again even after the deadline: it does no harm, and
        from then on the machine refuses the other's late command.
        """
        deadline = self.machine.deadline or self.machine.since + self.limits.swap
        if self._under_way:
            return _Next()
        tried = self.busy is not None and self.busy.act is act
        if tried and act is Act.SWAP and not gate.late(self.machine, self.upgrade.new):
            # The way in was lost, the exchange was not.
            return _Next(self._to(Phase.RESTARTING, deadline=self.now + self.limits.restart))
        if tried and self.now >= deadline:
            why = self.machine.reason.rpartition(_GOING_BACK)[2].removeprefix(UNREACHABLE)
            missed = self._away(f"its agents could not be exchanged in time{_tail(why)}")
            return _Next(self._missed(missed, unstaged=INCOMPLETE in why))
        if not tried:
            return _Next(act=act, wake=max(deadline, self.now + self.limits.retry))
        return self._act(act, deadline, 0.0)

    def _restarted(self) -> _Next:
        """`restarting` and `returning`: every agent must say by itself that it is the version it should be."""
        machine, going_back = self.machine, self.machine.phase is Phase.RETURNING
        version = machine.old if going_back else self.upgrade.new
        if said := gate.gave_up(machine, version):
            return _Next(self._missed(said))
        late = gate.late(machine, version)
        deadline = self._back_by(machine.deadline or machine.since + self.limits.restart)
        if not late:
            return _Next(self._to(Phase.ROLLED_BACK, _cause(machine)) if going_back else self._arrived(deadline))
        if self.now >= deadline:
            if gate.run_steps(late, version) and _STEPS not in machine.reason:
                more = deadline + self.limits.steps - self.limits.restart
                return _Next(self._to(machine.phase, self._because(_STEPS), more), wake=more)
            return _Next(self._missed(self._away(gate.why_late(late[0], version))))
        if all(agent.connected for agent in late):
            return _Next(wake=deadline)
        # A release that crashes is known as bad long before the deadline: systemd has given up on it.
        return self._act(Act.LOOK, deadline, machine.since + self.limits.look)

    def _back_by(self, deadline: float) -> float:
        """When agents must be there: who comes back because the controller has started anew gets the time for it."""
        return max(deadline, self.upgrade.controller_since + self.limits.restart)

    def _arrived(self, deadline: float) -> Change:
        if not self._gate_seconds:
            return self._to(Phase.DONE)
        return self._to(Phase.VERIFYING, deadline=deadline + self._gate_seconds)

    def _verifying(self) -> _Next:
        machine, options = self.machine, self.upgrade.options
        if machine.reason.startswith(CANNOT_TELL):
            if self.upgrade.status == "paused":
                return _Next()
            if machine.id in self.upgrade.accepted:
                return _Next(self._to(Phase.DONE))
            deadline = self.now + self.limits.restart + self._gate_seconds
            return _Next(self._to(Phase.VERIFYING, deadline=deadline), wake=self.now)
        if said := gate.gave_up(machine, self.upgrade.new):
            return _Next(self._missed(said))
        late = gate.unsteady(machine, self.upgrade.new)
        if late:
            # The time for the restart goes on where it was: an agent that comes and goes does not get more of it.
            deadline = self._back_by((machine.deadline or machine.since) - self._gate_seconds)
            if self.now >= deadline:
                return _Next(self._missed(f"{late[0].tag} did not stay healthy"))
            return _Next(self._to(Phase.RESTARTING, f"{late[0].tag} did not stay healthy", deadline), wake=self.now)
        healthy_at = machine.since + options.health_time
        if self.now < healthy_at:
            return _Next(wake=healthy_at)
        if machine.id in self.upgrade.accepted or not gate.checks_of(machine, options):
            return _Next(self._to(Phase.DONE))
        return self._act(Act.CHECK, healthy_at + self.limits.ask, healthy_at)

    def _failed(self) -> _Next:
        """Late arrivers go on by themselves, Juju's way; what failed for another reason waits for a human."""
        machine = self.machine
        if machine.reason.startswith(_NO_BINARY):
            there = machine.stage_state == "staged" and machine.staged == self.upgrade.new
            return _Next(self._to(Phase.PENDING, deadline=self.now + self.limits.stage) if there else None)
        if not machine.reason.startswith(_AWAY) or not machine.agents[0].connected:
            return _Next()
        return _Next(self._to(Phase.PENDING, deadline=self.now + self.limits.stage))

    def _act(self, act: Act, deadline: float, not_before: float, change: Change | None = None) -> _Next:
        """An act, unless it is under way or its time has not come."""
        if self._under_way:
            return _Next(change)
        again = self.busy.until if self.busy and self.busy.act is act and self.busy.until else 0.0
        at = max(not_before, again)
        return _Next(change, act, deadline) if self.now >= at else _Next(change, wake=min(at, deadline))

    def _missed(self, reason: str, *, unstaged: bool = False) -> Change:
        """The machine did not become what it should: back to the old version, where that is asked for."""
        machine = self.machine
        if machine.phase in phases.GOING_BACK:
            advice = by_hand(self.upgrade, machine, unstaged=unstaged)
            return self._to(Phase.STRANDED, f"{_cause(machine)}{_GOING_BACK}{reason}; by hand: {advice}")
        if self.upgrade.options.rollback:
            return self._back(reason)
        return self._to(Phase.FAILED, reason)

    def _back(self, reason: str) -> Change:
        return self._to(Phase.ROLLING_BACK, reason, self.now + self.limits.swap)

    def _must_go_back(self) -> bool:
        phase = self.machine.phase
        under_way = phase in (Phase.SWAPPING, Phase.RESTARTING, Phase.VERIFYING)
        ended_or_waiting = phase in WAITING or phase in (Phase.DONE, Phase.FAILED)
        return under_way or (ended_or_waiting and self.machine.touched)

    def _because(self, reason: str) -> str:
        """The reason why it goes back stays, whatever else is to be said."""
        if self.machine.phase not in phases.GOING_BACK:
            return reason
        return f"{_cause(self.machine)}{_GOING_BACK}{reason}" if reason else _cause(self.machine)

    def _away(self, reason: str) -> str:
        """Marks a machine that there was no way into."""
        if self.machine.phase in phases.GOING_BACK or not self.machine.reason.startswith(UNREACHABLE):
            return reason
        return f"{UNREACHABLE if self.machine.agents[0].connected else _AWAY + ': '}{reason}"

    def _why_unstaged(self) -> str:
        machine = self.machine
        if machine.reason.startswith(INCOMPLETE):
            return machine.reason
        if not machine.agents[0].connected:
            return f"{_AWAY}, and SSH did not help in time{_tail(machine.reason.removeprefix(UNREACHABLE))}"
        return f"{_NO_BINARY}it did not get its new agent binary in time{_tail(machine.stage_reason or machine.reason)}"

    def _anew(self, reason: str, phase: Phase | None = None) -> Change | None:
        """The same phase with another reason; its time goes on."""
        machine, reason = self.machine, self._because(reason)
        phase = phase or machine.phase
        if (machine.phase, machine.reason) == (phase, reason):
            return None
        return self._to(phase, reason, machine.deadline or machine.since + self.limits.stage)

    def _to(self, phase: Phase, reason: str = "", deadline: float | None = None) -> Change:
        return Change(self.machine.id, phase, reason, deadline)

    @property
    def _under_way(self) -> bool:
        return self.busy is not None and self.busy.until is None

    @property
    def _unreachable(self) -> bool:
        return UNREACHABLE in self.machine.reason

    @property
    def _gate_seconds(self) -> float:
        """How long a machine may be verified; 0 when nothing is asked for."""
        checks = self.limits.ask if gate.checks_of(self.machine, self.upgrade.options) else 0.0
        return self.upgrade.options.health_time + checks


def _cause(machine: Machine) -> str:
    """Why a machine goes back, without what is said of the way back."""
    return machine.reason.partition(_GOING_BACK)[0]


def _tail(why: str) -> str:
    return f": {why}" if why else ""
