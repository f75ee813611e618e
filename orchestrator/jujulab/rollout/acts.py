"""What can be done on a machine, how it ended, and what the rules decide: the words that rules and hands share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from jujulab.rollout.checks import GOOD, Opinion
from jujulab.rollout.phases import Phase


class Act(StrEnum):
    """What hands can do on a machine."""

    STAGE = "stage"
    SWAP = "swap"
    LOOK = "look"
    CHECK = "check"
    ROLL_BACK = "roll back"


@dataclass(frozen=True)
class Limits:
    """Deadlines, in seconds.

    Attributes:
        stage: From the request until a machine has its new binary.
        stage_help: How long a machine's agent may be away before its binary is staged over SSH.
        swap: For exchanging the links and restarting the services, retries included; also on the way back.
        restart: From the restart until every agent of the machine has reported its version.
        steps: The same for an agent that is busy with upgrade steps: it tries five times, two minutes apart (the Juju
            upgrade specification, section G.3), after controllers have waited for one another for a quarter of an hour
            (section K).
        look: How long an agent may be silent after the restart before its machine is asked whether it runs at all.
        ask: How long checks that cannot tell are asked again before a human is.
        retry: Between two tries of the same act on the same machine.
    """

    stage: float = 600.0
    stage_help: float = 10.0
    swap: float = 120.0
    restart: float = 90.0
    steps: float = 1500.0
    look: float = 10.0
    ask: float = 30.0
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
        status: The upgrade's new status, ``complete``, ``failed``, ``aborted`` or ``paused``; None to leave it.
        reason: Why.
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
        unstaged: The machine said that the binary is not complete there.
        unreachable: No way into the machine, or nothing came out of it that says how it is.
        opinion: What checks came to.
    """

    act: Act
    ok: bool
    reason: str = ""
    unstaged: bool = False
    unreachable: bool = False
    opinion: Opinion = GOOD
