"""One simulated upgrade: a fleet, a controller's record, orchestrators that crash, people who change their minds.

The orchestrators run the real rules. After every event the invariants of the design are looked at; what is wrong is
told with the seed, so that it can be seen again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from jujulab.rollout import model, phases, rules, waves
from jujulab.rollout.acts import Act, Busy, Change, Decision, Limits, Result
from jujulab.rollout.applied import apply
from jujulab.rollout.checks import Check, Verdict
from jujulab.rollout.model import Binary, Options, Upgrade
from jujulab.rollout.phases import IN_FLIGHT, TERMINAL, WAITING, Phase
from jujulab_core.rules import control
from jujulab_core.rules.facts import Refusal
from tests.support.fleet import FATES, NEW, OLD, Agent, Clock, FencedError, Host

# Longer than the real one: renewing it is most of what happens in a simulated hour.
LEASE = 60.0
# When people have stopped, everything must have come to an end within this time.
PATIENCE = 6 * 3600.0
LIMITS = Limits()
FAULTS = 6
FINAL = control.FINAL


class LostError(Exception):
    """The connection to the controller is gone; whether the call was carried out is not known."""


class TooLateError(Exception):
    """A person was faster than the record."""


class Controller:
    """The record, the lease, and the rules about who may write."""

    def __init__(self, hosts: Sequence[Host], options: Options, clock: Clock, rng: Random) -> None:
        self.hosts, self.clock, self.rng = {host.id: host for host in hosts}, clock, rng
        self.options, self.status, self.roll_back, self.up = options, "running", False, True
        self.accepted: frozenset[str] = frozenset()
        self.model_version = NEW
        self.rows = {host.id: _Row() for host in hosts}
        self.holder, self.token, self.expires = "", 0, -1.0
        self.steps: set[tuple[Phase, Phase]] = set()
        self.frail = True
        self.most = max(len(wave) for wave in waves.waves(tuple(self.rows), options))

    def claim(self, holder: str) -> int:
        """The token, or 0."""
        self._call()
        if holder != self.holder:
            if self.clock.now < self.expires:
                return 0
            self.holder, self.token = holder, self.token + 1
        self.expires = self.clock.now + LEASE
        return self.token

    def look(self) -> Upgrade | None:
        """The upgrade as ``ActiveUpgrades`` gives it."""
        self._call()
        over = self.status in ("complete", "aborted") or (self.status == "failed" and self.model_version != NEW)
        return None if over else self.picture()

    def picture(self) -> Upgrade:
        machines = tuple(self._machine(host, self.rows[host.id]) for host in self.hosts.values())
        return Upgrade(
            1, "default", False, OLD, NEW, self.status, self.roll_back, self.accepted, self.options, machines
        )

    def _machine(self, host: Host, row: _Row) -> model.Machine:
        agents = tuple(
            model.Agent(
                agent.tag,
                row.phase,
                row.reason,
                agent.version,
                agent.connected,
                agent.connected_since,
                # Here an agent says how it is as it logs in.
                agent.connected,
                agent.logins,
                row.before.get(agent.tag, 0),
                agent.status,
                agent.message,
            )
            for agent in host.agents
        )
        return model.Machine(
            host.id,
            "10.0.0.1",
            f"i-{host.id}",
            "",
            row.old or host.agents[0].version,
            row.old or host.agents[0].version,
            Binary(NEW, "", "", 1),
            host.stage_state,
            host.stage_reason,
            host.staged,
            row.since,
            row.deadline,
            agents,
        )

    def record(self, token: int, decision: Decision) -> None:
        """One transaction; the answer may get lost, before or after."""
        self._call()
        if token != self.token:
            raise LostError
        if self.status in ("complete", "aborted"):
            # What is over changes no more; nobody begins either way.
            if any(change.phase in (Phase.SWAPPING, Phase.ROLLING_BACK) for change in decision.changes):
                raise TooLateError
            self._call()
            return
        begun = [c for c in decision.changes if c.phase is Phase.SWAPPING and self.rows[c.machine].phase in WAITING]
        if begun and self.status not in ("running", "failed"):
            raise TooLateError
        for change in decision.changes:
            self.write(change)
        away = sum(row.phase in (Phase.SWAPPING, Phase.RESTARTING, Phase.VERIFYING) for row in self.rows.values())
        assert away <= self.most, f"{away} machines are being exchanged, {self.most} may be"
        if decision.status and self._may_become(decision.status):
            self.status = decision.status
        self._call()

    def _may_become(self, status: str) -> bool:
        rows = self.rows.values()
        if status in FINAL and any(row.phase not in TERMINAL for row in rows):
            return False
        if status == "aborted" and self.roll_back and any(row.phase is Phase.DONE and row.before for row in rows):
            return False
        return status in {
            "running": ("paused", "complete", "failed"),
            "paused": ("complete", "failed"),
            "aborting": ("aborted",),
            "failed": ("complete",),
        }.get(self.status, ())

    def write(self, change: Change) -> None:
        row, host = self.rows[change.machine], self.hosts[change.machine]
        assert phases.allowed(row.phase, change.phase), f"{row.phase} -> {change.phase} is not in the table"
        self.steps.add((row.phase, change.phase))
        if change.phase is not row.phase and change.phase in (Phase.SWAPPING, Phase.ROLLING_BACK):
            row.before = {agent.tag: agent.logins for agent in host.agents}
            if change.phase is Phase.SWAPPING and not row.old and host.agents[0].version != NEW:
                row.old = host.agents[0].version
        was, since = row.phase, row.since
        row.phase, row.reason, row.deadline = change.phase, change.reason, change.deadline
        row.since = self.clock.now
        self._truth(host, row)
        if was is Phase.VERIFYING and row.phase is Phase.DONE and host.id not in self.accepted:
            began = max(since, *(agent.connected_since for agent in host.agents))
            assert self.clock.now >= began + self.options.health_time, (
                f"machine {host.id} is called done after {self.clock.now - began:g} healthy seconds"
            )

    def _truth(self, host: Host, row: _Row) -> None:
        """What is written must be so at that moment."""
        links = {agent.link for agent in host.agents}
        if row.phase is Phase.DONE:
            assert links == {NEW}, f"machine {host.id} is called done while its links are {links}"
        if row.phase is Phase.ROLLED_BACK:
            assert links == {row.old}, f"machine {host.id} is called rolled back while its links are {links}"
        if row.phase in (Phase.DONE, Phase.ROLLED_BACK):
            assert all(agent.vouched for agent in host.agents), f"nobody said that machine {host.id} is {row.phase}"
        if row.phase in phases.BAD:
            assert row.reason, f"machine {host.id} is {row.phase} for no reason"
        if row.phase in IN_FLIGHT and phases.owner(row.phase, row.reason) is not phases.Owner.HUMAN:
            assert row.deadline is not None, f"machine {host.id} is {row.phase} without a deadline"

    def want(self, action: control.Action, machines: Sequence[str] = ()) -> None:
        """What a person asks for, by the controller's own rules."""
        known = control.Known(
            1,
            "default",
            OLD,
            NEW,
            self.status,
            machines={name: row.phase for name, row in self.rows.items()},
            roll_back=self.roll_back,
            model_version=self.model_version,
        )
        outcome = control.decide(known, action, machines)
        if isinstance(outcome, Refusal) or not outcome.changed:
            return
        self.roll_back = outcome.roll_back
        self.accepted = (self.accepted | {*outcome.accepted}) - {*outcome.pending}
        for name in outcome.pending:
            self.write(Change(name, Phase.PENDING))
        for name in outcome.failed:
            row = self.rows[name]
            self.steps.add((row.phase, Phase.FAILED))
            row.phase, row.since, row.deadline = Phase.FAILED, self.clock.now, None
        if outcome.model_version and outcome.model_version != self.model_version:
            self.model_version = outcome.model_version
            for host in self.hosts.values():
                host.want(self.model_version)
        self.status = outcome.status

    def _call(self) -> None:
        if not self.up or (self.frail and self.rng.random() < 0.01):
            raise LostError


class _Row:
    def __init__(self) -> None:
        self.phase, self.reason, self.since = Phase.PENDING, "", 0.0
        self.deadline: float | None = None
        self.before: dict[str, int] = {}
        self.old = ""


class Orchestrator:
    """The loop of `rollout.daemon`, with the places where it may die."""

    def __init__(self, name: str, world: World) -> None:
        self.name, self.world = name, world
        self.busy: dict[str, Busy] = {}
        self.finished: list[tuple[str, Result | None]] = []
        self.life, self.frozen, self.wake_at = 0, False, -1.0
        # When it must look again even if it hears of nothing: the rules say so, and here nothing else makes it look.
        self.look_at = 0.0
        self.stir(world.rng.uniform(0, 3))

    def hear(self) -> None:
        """Something has changed."""
        self.look_at = 0.0
        self.stir(self.world.rng.uniform(0.01, 0.5))

    def stir(self, seconds: float) -> None:
        """It looks again then, unless it does so earlier anyway."""
        clock, life = self.world.clock, self.life
        moment = clock.now + seconds
        if clock.now < self.wake_at <= moment:
            return
        self.wake_at = moment
        clock.at(moment, lambda: self._turn() if self.life == life and self.wake_at == moment else None)

    def die(self) -> None:
        """``kill -9``, and started again after a while."""
        self.life += 1
        self.busy, self.finished, self.frozen, self.wake_at, self.look_at = {}, [], False, -1.0, 0.0
        self.stir(self.world.rng.uniform(0.5, 30))

    def freeze(self) -> None:
        """``docker pause``, for longer than the lease or not."""
        self.frozen = True
        self.world.clock.after(self.world.rng.choice([10, 100, 300]), lambda: setattr(self, "frozen", False))

    def _turn(self) -> None:
        if self.frozen:
            self.stir(1.0)
            return
        self.wake_at = -1.0
        world = self.world
        try:
            token = world.controller.claim(self.name)
            wake = world.clock.now + LEASE / 3
            if token and self.finished:
                self._take_in(token)
            if token and world.clock.now >= self.look_at:
                self.look_at = self._decide(token)
            if token:
                wake = min(wake, self.look_at)
            else:
                self.look_at = 0.0
            self.stir(max(wake - world.clock.now, 0.05))
        except TooLateError:
            self.stir(0.2)
        except LostError:
            self.look_at = 0.0
            self.stir(world.rng.uniform(0.2, 5))
        except DiedError:
            self.die()

    def _take_in(self, token: int) -> None:
        now, upgrade = self.world.clock.now, self.world.controller.look()
        decision, busy = Decision(), dict(self.busy)
        for name, result in self.finished:
            busy.pop(name, None)
            if result is None or upgrade is None:
                continue
            if not result.ok or result.act is Act.LOOK:
                busy[name] = Busy(result.act, now + LIMITS.retry)
            decision = rules.both(decision, rules.after(upgrade, name, result, now, LIMITS))
        self.world.may_die()
        if decision.changes or decision.status:
            self.world.controller.record(token, decision)
        self.busy, self.finished, self.look_at = busy, [], 0.0

    def _decide(self, token: int) -> float:
        world = self.world
        upgrade = world.controller.look()
        if upgrade is None:
            return float("inf")
        decision = rules.decide(upgrade, self.busy, world.clock.now, LIMITS)
        world.may_die()
        if decision.changes or decision.status:
            world.controller.record(token, decision)
        world.may_die()
        world.begun(upgrade, decision)
        for name, act in decision.acts:
            machine = upgrade.machine(name)
            assert machine is not None
            old_binary = machine.old
            self.busy[name] = Busy(act)
            self._send(name, act, token, old_binary if act is Act.ROLL_BACK else NEW)
        again = bool(decision.changes or decision.status)
        return world.clock.now if again else decision.wake if decision.wake is not None else float("inf")

    def _send(self, name: str, act: Act, token: int, binary: str) -> None:
        """The command travels, is carried out, and its answer travels; each may take long, or get lost."""
        world, life, host = self.world, self.life, self.world.controller.hosts[name]
        rng, clock = world.rng, world.clock
        lost = rng.random() < 0.03
        if world.faults and rng.random() < 0.02:
            # Stopped in the midst of it: the command goes out when another may long have taken over.
            self.freeze()

        def arrive() -> None:
            if self.frozen and self.life == life:
                # Sent by a process that was stopped in the midst: it goes out when it is continued.
                clock.after(1.0, arrive)
                return
            if self.life != life and rng.random() < 0.5:
                return
            try:
                result: Result | None = host.perform(act, token, binary)
            except FencedError:
                result = None
            if lost and result is not None:
                result = Result(act, False, "the connection was lost", unreachable=True)
            slow = 15.0 if result and result.unreachable else rng.uniform(0.01, 1.0)
            clock.after(slow, lambda: answer(result))

        def answer(result: Result | None) -> None:
            if self.life == life:
                self.finished.append((name, result))
                self.stir(0.0)

        clock.after(rng.uniform(0.01, 1.0), arrive)


class DiedError(Exception):
    """This orchestrator was killed here."""


class World:
    """A schedule, made from a seed."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = Random(seed)
        self.clock = Clock()
        self.orchestrators: list[Orchestrator] = []
        self.faults = rng.choice([True, True, False])
        options = _options(rng)
        count = rng.randint(1, 5)
        release = rng.choice(FATES)
        self.hosts = [self._host(str(number), release) for number in range(count)]
        self.controller = Controller(self.hosts, options, self.clock, rng)
        self.controller.frail = self.faults
        for host in self.hosts:
            host.want(NEW)
        self.orchestrators = [Orchestrator(name, self) for name in ("a", "b")[: rng.randint(1, 2)]]
        self.people_until = 0.0

    def _host(self, name: str, release: str) -> Host:
        rng = self.rng
        fate = release if rng.random() < 0.7 else rng.choice(FATES)
        agents = [Agent(f"machine-{name}"), Agent(f"unit-app-{name}")][: rng.randint(1, 2)]
        back = rng.choice(["crash", "steps", "silent", "late"]) if rng.random() < 0.1 else "good"
        host = Host(name, rng, self.clock, self._heard, {OLD: back, NEW: fate, "2.6.9": "good"}, agents)
        host.opinions = [rng.choice(list(Verdict)) for _ in range(rng.randint(1, 3))]
        if self.faults and rng.random() < 0.1:
            # Its agent is dead from the beginning; it may come back.
            for agent in agents:
                agent.connected = False
            if rng.random() < 0.5:
                self.clock.after(rng.uniform(1, 1500), lambda: self._revive(host))
        return host

    def _revive(self, host: Host) -> None:
        for agent in host.agents:
            if not agent.connected:
                host.restart(agent)
        self.clock.after(10.0, lambda: host.want(self.controller.model_version))

    def _heard(self) -> None:
        for orchestrator in self.orchestrators:
            orchestrator.hear()

    def plan(self) -> None:
        """Faults and people at random times, all within a while; then nobody disturbs any more."""
        rng, clock = self.rng, self.clock
        for _ in range(rng.choice([0, 0, 1, 2, 4])):
            moment = rng.uniform(0, rng.choice([5, 60, 400, 1500]))
            self.people_until = max(self.people_until, moment)
            clock.at(moment, self.person)
        if self.faults:
            for _ in range(rng.choice([0, 1, 2, 4])):
                clock.at(rng.uniform(0, rng.choice([10, 60, 400])), self.fault)
        clock.at(self.people_until + 1, self.settle)

    def settle(self) -> None:
        """From now on a person only answers what is asked."""
        self.controller.frail, self.faults = False, False
        if self.controller.status == "paused":
            waiting = [name for name, row in self.controller.rows.items() if row.phase not in TERMINAL]
            action = self.rng.choice(["resume", "abort", "roll-back"])
            self.controller.want(action, waiting if action == "resume" else ())  # type: ignore[arg-type]
            self._heard()
        if self.clock.now < PATIENCE and not self._over():
            self.clock.after(60.0, self.settle)

    def person(self, action: control.Action | None = None) -> None:
        """Somebody wants something."""
        if action is None:
            again = self.controller.status in ("failed", "aborted") and self.rng.random() < 0.6
            action = "retry" if again else self.rng.choice(control.ACTIONS)  # type: ignore[assignment]
            if self.rng.random() < 0.4:
                # One thing leads to another.
                moment = self.clock.now + self.rng.uniform(0, 30)
                self.people_until = max(self.people_until, moment)
                self.clock.at(moment, self.person)
        names = [name for name in self.controller.rows if self.rng.random() < 0.4]
        self.controller.want(action, names if action in ("resume", "retry") else ())  # type: ignore[arg-type]
        self._heard()

    def fault(self, kind: int | None = None) -> None:
        """Something breaks: an orchestrator, the controller, a machine's SSH, its disk, an agent."""
        rng, clock, host = self.rng, self.clock, self.rng.choice(self.hosts)
        kind = rng.randrange(FAULTS) if kind is None else kind
        if kind == 0:
            rng.choice(self.orchestrators).die()
        elif kind == 1:
            rng.choice(self.orchestrators).freeze()
        elif kind == 2:
            self.controller.up = False
            for each in self.hosts:
                each.reconnect()
            clock.after(rng.uniform(0.1, 20), lambda: setattr(self.controller, "up", True))
        elif kind == 3:
            host.reachable = False
            if rng.random() < 0.7:
                clock.after(rng.uniform(1, 300), lambda: setattr(host, "reachable", True))
        elif kind == 4:
            host.complete.discard(NEW if host.agents[0].link != NEW else OLD)
        else:
            host.restart(host.agents[0])

    def may_die(self) -> None:
        """A boundary: an orchestrator may be killed here."""
        if self.faults and self.rng.random() < 0.02:
            raise DiedError

    def begun(self, upgrade: Upgrade, decision: Decision) -> None:
        """No machine may begin once the stop rule has tripped."""
        fresh = [change for change in decision.changes if change.phase is Phase.SWAPPING]
        begins = [c for c in fresh if (m := upgrade.machine(c.machine)) and m.phase in WAITING]
        if begins:
            # As it is written: what trips the rule may be told by the same record.
            known = apply(upgrade, decision.changes, self.clock.now)
            assert not waves.must_stop(known.machines, upgrade.options), "a machine begins after the stop rule tripped"
            assert upgrade.status in ("running", "failed"), f"a machine begins while {upgrade.status}"

    def run(self) -> None:
        """Until the end; raises AssertionError for what must never be."""
        while self.clock.step():
            if self.clock.now > PATIENCE:
                break
            if self._over():
                break
        self._ended()

    def _rows(self) -> list[_Row]:
        return list(self.controller.rows.values())

    def _over(self) -> bool:
        return self.clock.now > self.people_until + 1 and self._quiet()

    def _quiet(self) -> bool:
        return self.controller.status in FINAL and all(row.phase in TERMINAL for row in self._rows())

    def _ended(self) -> None:
        state = {name: (row.phase.value, row.reason) for name, row in self.controller.rows.items()}
        assert self._quiet(), f"not over: {self.controller.status} {state} at {self.clock.now:g}"
        for host in self.hosts:
            row, links = self.controller.rows[host.id], {agent.link for agent in host.agents}
            expected = {Phase.DONE: NEW, Phase.ROLLED_BACK: row.old, Phase.SKIPPED: row.old or OLD}.get(row.phase)
            if expected is not None:
                assert links == {expected}, f"machine {host.id} is {row.phase}, but its links are {links}"
            for link in links:
                assert link in (OLD, NEW), f"the links of machine {host.id} lead to {link}"
        if self.controller.status == "complete":
            assert {row.phase for row in self._rows()} == {Phase.DONE}, state
        if self.controller.status == "aborted" and self.controller.roll_back:
            assert not any(row.phase is Phase.DONE and row.before for row in self._rows()), state


def _options(rng: Random) -> Options:
    if rng.random() < 0.25:
        return Options()
    made = Options(
        canary=rng.choice([0, 1, 2]),
        batch=rng.choice(["", "1", "2", "50%"]),
        max_failures=rng.choice(["", "0", "1", "50%"]),
        max_unreachable=rng.choice(["", "", "0", "1"]),
        health_time=rng.choice([0.0, 10.0, 60.0]),
        checks=(Check("web", "tcp", "80"),) if rng.random() < 0.4 else (),
        careful=True,
    )
    return replace(made, rollback=rng.random() < 0.7)


def run(seed: int) -> set[tuple[Phase, Phase]]:
    """Runs one schedule; returns the steps that were seen.

    Raises:
        AssertionError: Something that must never be; the seed is in the text.
    """
    world = World(seed)
    world.plan()
    try:
        world.run()
    except AssertionError as error:
        raise AssertionError(f"seed {seed}: {error}") from error
    return world.controller.steps
