"""A simulated fleet: machines whose agents do what real ones do, on a clock that jumps. No I/O, no threads."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from jujulab.rollout.acts import Act, Result
from jujulab.rollout.checks import Opinion, Verdict
from jujulab.rollout.phases import INCOMPLETE

OLD, NEW, WRONG = "2.6.4", "2.6.10", "2.6.9"
# How a release may turn out on a machine.
FATES = ("good", "good", "good", "late", "steps", "crash", "silent", "wrong", "gives-up", "flaps")


class Clock:
    """Time, and what is to happen at which."""

    def __init__(self) -> None:
        self.now = 0.0
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def at(self, moment: float, what: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._queue, (max(moment, self.now), self._count, what))

    def after(self, seconds: float, what: Callable[[], None]) -> None:
        self.at(self.now + seconds, what)

    def step(self) -> bool:
        """Does what comes next; False when nothing is left."""
        if not self._queue:
            return False
        self.now, _, what = heapq.heappop(self._queue)
        what()
        return True


class FencedError(Exception):
    """The machine has seen a newer token."""


@dataclass
class Agent:
    """An agent: its link, its process, and what the controller last heard of it."""

    tag: str
    link: str = OLD
    running: str = OLD
    life: int = 0
    # Whether a process has logged in since the link was last changed.
    vouched: bool = True
    failed: bool = False
    connected: bool = True
    connected_since: float = 0.0
    logins: int = 1
    version: str = OLD
    status: str = "started"
    message: str = ""


@dataclass
class Host:
    """A machine of the fleet."""

    id: str
    rng: Random
    clock: Clock
    heard: Callable[[], None]
    fates: dict[str, str]
    agents: list[Agent]
    reachable: bool = True
    complete: set[str] = field(default_factory=lambda: {OLD})
    staged: str = ""
    stage_state: str = ""
    stage_reason: str = ""
    fence: int = 0
    opinions: list[Verdict] = field(default_factory=list)

    def want(self, version: str) -> None:
        """The agent has been told of a version; it stages it after a while, or not."""
        if not self.agents[0].connected:
            return
        fate = self.rng.random()
        if version in self.complete or fate < 0.75:
            self.clock.after(self.rng.uniform(0.1, 20), lambda: self._stage(version, "staged"))
        elif fate < 0.85:
            self.clock.after(self.rng.uniform(1, 5), lambda: self._stage(version, "failed"))
            self.clock.after(self.rng.uniform(5, 900), lambda: self._stage(version, "staged"))
        elif fate < 0.95:
            self.clock.after(self.rng.uniform(1, 5), lambda: self._stage(version, "failed"))

    def _stage(self, version: str, state: str) -> None:
        if not self.agents[0].connected:
            return
        self.staged, self.stage_state, self.stage_reason = version, state, "no disk" if state == "failed" else ""
        if state == "staged":
            self.complete.add(version)
        self.heard()

    def perform(self, act: Act, token: int, binary: str) -> Result:
        """What `upgradectl` would do, at once."""
        if not self.reachable:
            return Result(act, False, "it cannot be reached over SSH", unreachable=True)
        if act is Act.LOOK:
            dead = next((agent for agent in self.agents if agent.failed), None)
            return Result(act, dead is None, f"{dead.tag} does not stay up" if dead else "")
        if act is Act.CHECK:
            verdict = self.opinions.pop(0) if len(self.opinions) > 1 else self.opinions[0]
            return Result(act, verdict is Verdict.GOOD, opinion=Opinion(verdict, "web: why"))
        if self.fenced(token):
            raise FencedError
        self.fence = max(self.fence, token)
        if act is Act.STAGE:
            if self.rng.random() < 0.2:
                return Result(act, False, "no disk")
            self.complete.add(binary)
            return Result(act, True)
        if binary not in self.complete:
            luck = self.rng.random() if act is Act.ROLL_BACK else 1.0
            if luck >= 0.8:
                return Result(act, False, "not complete", unstaged=True)
            if luck >= 0.5:
                return Result(act, False, f"{INCOMPLETE}no disk")
            self.complete.add(binary)
        for agent in self.agents:
            agent.vouched = agent.vouched and agent.link == binary
            agent.link = binary
            self.restart(agent)
        return Result(act, True)

    def fenced(self, token: int) -> bool:
        """Whether the machine has seen a newer one."""
        return token < self.fence

    def restart(self, agent: Agent) -> None:
        """A new process of the version that the link leads to."""
        agent.life += 1
        agent.running, agent.failed = agent.link, False
        self.leave(agent)
        fate, life, rng = self.fates[agent.link], agent.life, self.rng

        def then(seconds: float, what: Callable[[], None]) -> None:
            self.clock.after(seconds, lambda: what() if agent.life == life else None)

        if fate == "crash":
            then(rng.uniform(0.5, 3), lambda: self.crash(agent))
        elif fate == "late":
            then(rng.uniform(5, 200), lambda: self.log_in(agent))
        elif fate == "steps":
            long = rng.choice([5.0, 100.0, 800.0, 2000.0])
            then(0.3, lambda: self.log_in(agent, "started", f"upgrading to {agent.running}"))
            then(0.3 + long, lambda: self.log_in(agent, again=False))
        elif fate == "gives-up":
            then(0.3, lambda: self.log_in(agent, "error", f"upgrade to {agent.running} failed (giving up): x"))
        elif fate == "flaps":
            for turn in range(rng.randint(2, 6)):
                then(1 + turn * 20.0, lambda: self.log_in(agent))
                # Some are back before anybody has looked.
                away = rng.choice([rng.uniform(1, 18), 0.001])
                then(21 + turn * 20.0 - away, lambda: self.leave(agent))
            if rng.random() < 0.5:
                then(150.0, lambda: self.log_in(agent))
        elif fate != "silent":
            then(rng.uniform(0.2, 5), lambda: self.log_in(agent))

    def log_in(self, agent: Agent, status: str = "started", message: str = "", again: bool = True) -> None:
        wrong = self.fates[agent.running] == "wrong"
        if again or not agent.connected:
            agent.logins += 1
            agent.connected_since = self.clock.now
        agent.vouched = True
        agent.connected, agent.version = True, WRONG if wrong else agent.running
        agent.status, agent.message = status, message
        self.heard()

    def leave(self, agent: Agent) -> None:
        agent.connected = False
        self.heard()

    def crash(self, agent: Agent) -> None:
        agent.failed = True
        self.heard()

    def reconnect(self) -> None:
        """The controller was away: whoever was logged in comes again."""
        for agent in self.agents:
            if agent.connected:
                self.leave(agent)
                life = agent.life
                status, message = agent.status, agent.message
                self.clock.after(
                    self.rng.uniform(0.1, 10),
                    lambda a=agent, n=life, s=status, m=message: self.log_in(a, s, m) if a.life == n else None,
                )
