"""Holds the nine invariants of the design against a history. Pure: events in, verdicts out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from jujulab.history import in_api, in_rollout, on_disk
from jujulab.history.event import Event
from jujulab.history.verdict import State, Verdict
from jujulab.history.views import History


class Invariant(NamedTuple):
    """One of the nine.

    Attributes:
        number: Its number in the design.
        name: A short name.
        promise: What it says.
        check: Holds it against a history.
    """

    number: int
    name: str
    promise: str
    check: Callable[[History], Verdict]


INVARIANTS = (
    Invariant(1, "tools-resolve", "an agent's link leads to a complete, verified directory", on_disk.tools_resolve),
    Invariant(
        2, "versions-agree", "reported version, link and running code agree once settled", on_disk.versions_agree
    ),
    Invariant(3, "below-controller", "no hosted agent runs a version above its controller's", in_api.below_controller),
    Invariant(4, "only-verified", "nothing unverified is unpacked or served", on_disk.only_verified),
    Invariant(5, "within-limits", "waves and the stop rule hold", in_rollout.within_limits),
    Invariant(6, "fetched-once", "each binary is fetched from the internet at most once", in_api.fetched_once),
    Invariant(
        7, "ends-with-reason", "every agent ends, with a reason; all has a deadline", in_rollout.ends_with_reason
    ),
    Invariant(8, "workloads", "workloads are not restarted", on_disk.workloads_undisturbed),
    Invariant(9, "records-last", "no committed record is lost", in_api.records_last),
)


@dataclass(frozen=True)
class Report:
    """The verdicts on all invariants, by their order in the design."""

    verdicts: tuple[tuple[Invariant, Verdict], ...]

    @property
    def holds(self) -> bool:
        """Whether none was violated."""
        return self.first_violation is None

    @property
    def first_violation(self) -> tuple[Invariant, Verdict] | None:
        """The violation that shows first in time."""
        found = [pair for pair in self.verdicts if pair[1].state is State.VIOLATED]
        return min(found, key=lambda pair: pair[1].time, default=None)


def check(events: Sequence[Event]) -> Report:
    """Checks a history.

    Args:
        events: All of them, by time.
    """
    history = History(events)
    return Report(tuple((invariant, _checked(invariant, history)) for invariant in INVARIANTS))


def _checked(invariant: Invariant, history: History) -> Verdict:
    try:
        return invariant.check(history)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # A file of another version, or that somebody has edited.
        return Verdict(State.UNKNOWN, f"an event is not as expected: {type(error).__name__}: {error}")
