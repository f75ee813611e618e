"""What is done to the lab and when: a pure function of the seed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

# The versions that the model goes up and down between, and those that its controller climbs, all of one minor number.
PATCHES = tuple(f"2.6.{patch}" for patch in range(4, 13))
CONTROLLERS = tuple(f"2.7.{patch}" for patch in range(0, 13))
# Nobody is asked to run this one before the end: whoever reaches it was not stuck.
LAST = "2.6.20"

# The kinds of faults that may strike at any time, with what they are aimed at. Those whose mending takes a person's
# decision, such as a machine whose host key has changed, are left to tests of their own.
FIT = {
    "agent-hang": "machine",
    "agent-kill": "machine",
    "agent-stop": "machine",
    "clock-skew": "machine",
    "controller-disk-full": "",
    "controller-kill": "",
    "corrupt-binary": "version",
    "disk-full": "machine",
    "internet-down": "",
    "machine-pause": "machine",
    "machine-stop": "machine",
    "missing-binary": "version",
    "orchestrator-kill": "",
    "partition": "machine",
    "slow-internet": "",
    "slow-network": "machine",
    "sshd-down": "machine",
    "stale-index": "",
    "unsigned-index": "",
}
# Where a kind does nothing without.
OPTIONS = {"slow-network": {"rate": "256kbit"}}
# What Docker and signals do at once; nothing is to be mended afterwards.
KILL = "kill"
RESTART = "restart"
ROLES = ("controller", "orchestrator")

# Seconds between two strokes on the average: often enough that several are in force at a time.
GAP = 8.0
LONGEST = 40.0
# Every so often the controller goes first.
CONTROLLER_EVERY = 5


@dataclass(frozen=True)
class Stroke:
    """Something bad.

    Attributes:
        at: Seconds from the start.
        kind: A kind of fault, or `KILL` or `RESTART`.
        target: A machine's number, a version, or a role; empty where there is nothing to aim at.
        lasts: Seconds until it is mended; 0 for what mends itself.
    """

    at: float
    kind: str
    target: str = ""
    lasts: float = 0.0


@dataclass(frozen=True)
class Request:
    """An upgrade or downgrade to be asked for.

    Attributes:
        controller: Whether it is the controller's turn; it takes its next version, as long as there is one.
        to: The version of the model.
        rollout: How; empty for Juju's own way.
        force: Whether agents at other versions are ignored, and binaries that nobody has (yet).
        patience: Seconds until the next request, if this upgrade is not over before.
    """

    controller: bool
    to: str
    rollout: dict[str, object] = field(default_factory=dict)
    force: bool = False
    patience: float = 300.0


def strokes(seed: int, seconds: float, machines: int, kinds: Iterable[str]) -> list[Stroke]:
    """All that strikes within a time; the same for the same arguments.

    Args:
        seed: Decides everything.
        seconds: How long it lasts.
        machines: How many machines there are to aim at.
        kinds: The kinds of faults that there are; those that are not fit are left out.
    """
    random = Random(f"strokes {seed}")
    fit = sorted(set(kinds) & set(FIT))
    found: list[Stroke] = []
    busy: dict[str, float] = {}
    at = 0.0
    while (at := round(at + random.expovariate(1 / GAP), 1)) < seconds:
        kind = random.choice([KILL, KILL, KILL, RESTART, RESTART, *fit])
        lasts = round(random.uniform(3, LONGEST), 1)
        machine, version, role = str(random.randrange(machines)), random.choice(PATCHES), random.choice(ROLES)
        if kind in (KILL, RESTART):
            target = role if random.random() < 0.4 else machine
            found.append(Stroke(at, kind, target))
        elif busy.get(kind, 0.0) <= at:
            target = {"machine": machine, "version": version, "": ""}[FIT[kind]]
            found.append(Stroke(at, kind, target, lasts))
            # Two of a kind at a time would mend one another.
            busy[kind] = at + lasts + 1
    return found


def request(seed: int, number: int) -> Request:
    """The upgrade of this number, from 0 on; the same for the same seed."""
    random = Random(f"request {seed} {number}")
    rollout: dict[str, object] = random.choice(
        [
            {},
            {},
            {"canary": 1},
            {"batch": "25%"},
            {"canary": 2, "batch": "5", "max-failures": "2"},
            {"batch": "50%", "max-failures": "20%", "health-time": 1},
            {"batch": "4", "max-failures": "100%", "no-rollback": True},
        ]
    )
    hasty = random.random() < 0.15
    return Request(
        controller=number % CONTROLLER_EVERY == CONTROLLER_EVERY - 1,
        to=random.choice(PATCHES),
        rollout=dict(rollout),
        force=random.random() < 0.7,
        patience=round(random.uniform(0.2, 4), 1) if hasty else 300.0,
    )
