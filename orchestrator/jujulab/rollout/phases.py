"""The phases of an agent in an upgrade: who owns each, by when it must end, and which may follow which.

The rules (`rules`) are held to this table by tests, and the picture in the documentation is made from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
    ROLLING_BACK = "rolling-back"
    RETURNING = "returning"
    ROLLED_BACK = "rolled-back"
    STRANDED = "stranded"
    SKIPPED = "skipped"


WAITING = frozenset({Phase.PENDING, Phase.STAGING, Phase.STAGED})
GOING_BACK = frozenset({Phase.ROLLING_BACK, Phase.RETURNING})
# The machine's agents are being exchanged, either way: it does not count as ready.
IN_FLIGHT = GOING_BACK | {Phase.SWAPPING, Phase.RESTARTING, Phase.VERIFYING}
# Ended, and not on the new version although it should be.
BAD = frozenset({Phase.FAILED, Phase.ROLLED_BACK, Phase.STRANDED})
TERMINAL = BAD | {Phase.DONE, Phase.SKIPPED}

# The beginnings of reasons that the rules themselves read again.
UNREACHABLE = "unreachable: "
CANNOT_TELL = "cannot tell: "
INCOMPLETE = "the binary is gone: "


class Owner(StrEnum):
    """Whose work a phase is: who is to be asked when it lasts."""

    AGENT = "agent"
    ORCHESTRATOR = "orchestrator"
    HUMAN = "human"
    NOBODY = ""


@dataclass(frozen=True)
class Facts:
    """What is to be known of a phase.

    Attributes:
        owner: Whose work it is.
        ends: By when it must have ended, in words; empty for a phase that is an end.
        meaning: What happens in it.
    """

    owner: Owner
    ends: str
    meaning: str


PHASES: dict[Phase, Facts] = {
    Phase.PENDING: Facts(Owner.AGENT, "10 min after it began", "the agent has been told of the new version"),
    Phase.STAGING: Facts(
        Owner.AGENT,
        "10 min after `pending` began",
        "the agent fetches, verifies and unpacks its new binary; over SSH where the agent is dead",
    ),
    Phase.STAGED: Facts(Owner.ORCHESTRATOR, "when its wave's turn comes", "the binary is there; it waits for its wave"),
    Phase.SWAPPING: Facts(
        Owner.ORCHESTRATOR,
        "2 min, retries included",
        "links are exchanged, agents restarted: the machine's, then its units'",
    ),
    Phase.RESTARTING: Facts(
        Owner.AGENT,
        "90 s; 15 min while upgrade steps run",
        "every new process must log in by itself, say that it is the new version and end its upgrade steps",
    ),
    Phase.VERIFYING: Facts(
        Owner.ORCHESTRATOR,
        "the rest of the 90 s, plus the health time, plus 30 s where there are checks",
        "the agents must stay healthy for the health time; then the user's checks are asked",
    ),
    Phase.DONE: Facts(Owner.NOBODY, "", "the machine is on the new version and good"),
    Phase.FAILED: Facts(Owner.HUMAN, "", "it is not on the new version, or not well; nothing was put back"),
    Phase.ROLLING_BACK: Facts(
        Owner.ORCHESTRATOR, "2 min, retries included", "links are put back to the old version, agents restarted"
    ),
    Phase.RETURNING: Facts(
        Owner.AGENT, "90 s; 15 min while upgrade steps run", "every old process must log in and be well"
    ),
    Phase.ROLLED_BACK: Facts(Owner.NOBODY, "", "its agents run the old version again, and said so themselves"),
    Phase.STRANDED: Facts(Owner.HUMAN, "", "going back failed; the reason names the commands to run by hand"),
    Phase.SKIPPED: Facts(Owner.NOBODY, "", "its turn never came; it was not touched"),
}


def owner(phase: Phase, reason: str = "") -> Owner:
    """Who is to be asked about an agent in this phase; a check that cannot tell waits for a human's word."""
    if phase is Phase.VERIFYING and reason.startswith(CANNOT_TELL):
        return Owner.HUMAN
    return PHASES[phase].owner


@dataclass(frozen=True)
class Transition:
    """One phase may follow another, for a cause."""

    old: Phase
    new: Phase
    cause: str


def _transitions() -> tuple[Transition, ...]:
    pending, staging, staged, swapping = Phase.PENDING, Phase.STAGING, Phase.STAGED, Phase.SWAPPING
    restarting, verifying, done, failed = Phase.RESTARTING, Phase.VERIFYING, Phase.DONE, Phase.FAILED
    back, returning = Phase.ROLLING_BACK, Phase.RETURNING
    table = [
        (pending, staging, "the agent fetches"),
        (staging, staging, "another reason why it has no binary yet"),
        (pending, staged, "the binary is there"),
        (staging, staged, "the binary is there"),
        *((phase, swapping, "its wave's turn") for phase in (pending, staging, staged)),
        *((phase, verifying, "it runs the new version already") for phase in (pending, staging, staged)),
        *(
            (phase, done, "it runs the new version already, nothing else is asked")
            for phase in (pending, staging, staged)
        ),
        *(
            (phase, failed, "no binary in time; or no other try, after stop rule or abort")
            for phase in (pending, staging, staged)
        ),
        *((phase, Phase.SKIPPED, "stop rule or abort") for phase in (pending, staging, staged)),
        (swapping, swapping, "a try failed"),
        (swapping, staging, "the machine has lost the binary"),
        (swapping, restarting, "links exchanged, agents restarted"),
        (restarting, restarting, "upgrade steps take long, or it cannot be reached"),
        (restarting, verifying, "all its agents report the new version"),
        (restarting, done, "all its agents report the new version, and nothing else is asked for"),
        (verifying, restarting, "it did not stay healthy"),
        (verifying, verifying, "a check cannot tell; a human says go on"),
        (verifying, done, "healthy, checks good, or accepted by a human"),
        *((phase, failed, "bad, or too late") for phase in (swapping, restarting, verifying)),
        *((phase, back, "bad, or too late, or abort with rollback") for phase in (swapping, restarting, verifying)),
        *((phase, back, "abort with rollback") for phase in (done, failed, pending, staging, staged)),
        (back, back, "a try failed"),
        (back, returning, "links put back, agents restarted"),
        (returning, returning, "upgrade steps take long, or it cannot be reached"),
        (returning, Phase.ROLLED_BACK, "all its agents report the old version"),
        *((phase, Phase.STRANDED, "it could not be put back") for phase in (back, returning)),
        (failed, pending, "its agent is back, or retry"),
        (Phase.STRANDED, failed, "abort with rollback, once more"),
        *((phase, pending, "retry") for phase in (Phase.ROLLED_BACK, Phase.STRANDED, Phase.SKIPPED)),
    ]
    return tuple(Transition(*row) for row in table)


TRANSITIONS = _transitions()


def allowed(old: Phase, new: Phase) -> bool:
    """Whether the table has this transition."""
    return any(row.old is old and row.new is new for row in TRANSITIONS)
