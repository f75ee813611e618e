"""What a check says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from jujulab.history.event import Event


class State(StrEnum):
    """Whether a promise was kept."""

    HOLDS = "holds"
    VIOLATED = "violated"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Verdict:
    """The verdict on one invariant.

    Attributes:
        state: ``unknown``: the history holds nothing by which it could be checked.
        text: What was violated, what was not seen, or what else one should know.
        evidence: The events that show it; the last one is where it shows.
        checked: How many facts were held against the invariant.
    """

    state: State
    text: str = ""
    evidence: tuple[Event, ...] = ()
    checked: int = 0

    @property
    def time(self) -> float:
        """When it shows, monotonic; a violation only."""
        return max((event.monotonic for event in self.evidence), default=0.0)


def violated(text: str, *evidence: Event) -> Verdict:
    """The invariant did not hold."""
    return Verdict(State.VIOLATED, text, tuple(sorted(evidence, key=lambda event: event.monotonic)))


def held(checked: int, unless: str, notes: Sequence[str] = ()) -> Verdict:
    """It held for so many facts; for none, nobody knows.

    Args:
        checked: How many facts were looked at.
        unless: What the history lacks, if there were none.
        notes: What could not be checked although other things could.
    """
    if not checked:
        return Verdict(State.UNKNOWN, unless)
    return Verdict(State.HOLDS, "; ".join(dict.fromkeys(notes)), checked=checked)


def shown(event: Event, limit: int = 400) -> dict[str, Any]:
    """An event as evidence is printed: what is long, such as the look at a whole lab, is cut."""
    import json

    text = json.dumps(event.value, sort_keys=True)
    value = event.value if len(text) <= limit else f"{text[:limit]}..."
    return {
        "time": event.time,
        "monotonic": event.monotonic,
        "process": event.process,
        "type": str(event.type),
        "function": event.function,
        "value": value,
    }
