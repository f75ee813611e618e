"""A history as the checks want it: what was seen of each thing, in the order of time."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from jujulab.history.event import Event, Kind, Operation, operations

Json = Mapping[str, Any]


class Seen(NamedTuple):
    """Something that was looked at.

    Attributes:
        event: The evidence.
        value: What was seen.
    """

    event: Event
    value: Json


@dataclass(frozen=True)
class History:
    """The events, by time, and what can be read from them."""

    events: Sequence[Event]

    def seen(self, function: str) -> list[Event]:
        """The observations of one function."""
        return [event for event in self.events if event.type is Kind.OBSERVATION and event.function == function]

    @functools.cached_property
    def operations(self) -> list[Operation]:
        """What was done, by its begin."""
        return operations(self.events)

    def done(self, *functions: str) -> list[Operation]:
        """The operations of some functions that were not refused."""
        return [one for one in self.operations if one.invoke.function in functions and one.outcome is not Kind.FAIL]

    @functools.cached_property
    def settled(self) -> list[Event]:
        """The looks at a lab in which nothing was under way."""
        return self.seen("settled")

    @functools.cached_property
    def machines(self) -> list[Seen]:
        """The looks at machines."""
        return self._single("machine", "machines")

    @functools.cached_property
    def models(self) -> list[Seen]:
        """The looks at models and what their agents report."""
        return self._single("model", "models")

    @functools.cached_property
    def upgrades(self) -> dict[int, list[Seen]]:
        """The looks at each upgrade, by its number."""
        found: dict[int, list[Seen]] = {}
        for seen in self._single("upgrade", "upgrades"):
            found.setdefault(int(seen.value["id"]), []).append(seen)
        return found

    @functools.cached_property
    def changes(self) -> list[Event]:
        """The controller's own record of changes, each once, in its order."""
        found = {int(event.value["seq"]): event for event in self.seen("upgrade-event")}
        return [found[seq] for seq in sorted(found)]

    @functools.cached_property
    def courses(self) -> dict[int, list[Seen]]:
        """Each upgrade after each of its transactions, where the controller's record of changes was read in full."""
        by_upgrade: dict[int, list[Event]] = {}
        known = {int(event.value["seq"]) for event in self.changes}
        for event in self.changes:
            by_upgrade.setdefault(int(event.value["upgrade"]), []).append(event)
        return {
            number: list(_course(self.upgrades[number][0].value, events))
            for number, events in by_upgrade.items()
            if number in self.upgrades
            and known.issuperset(range(int(events[0].value["seq"]), int(events[-1].value["seq"])))
        }

    @functools.cached_property
    def controllers(self) -> list[tuple[Event, str]]:
        """The versions that the controller said it runs."""
        pairs = [(event, str(event.value["version"])) for event in self.seen("controller")]
        pairs += [(event, str(event.value["controller"])) for event in self.settled if event.value["controller"]]
        return sorted(pairs, key=lambda pair: pair[0].monotonic)

    @functools.cached_property
    def published(self) -> dict[str, list[Json]]:
        """What was ever seen to be offered by the internet, by binary."""
        found: dict[str, list[Json]] = {}
        for event in self.seen("published"):
            for entry in event.value:
                if entry not in found.setdefault(entry["binary"], []):
                    found[entry["binary"]].append(entry)
        return found

    def _single(self, function: str, within_settled: str) -> list[Seen]:
        return sorted(self._both(function, within_settled), key=lambda seen: seen.event.monotonic)

    def _both(self, function: str, within_settled: str) -> Iterator[Seen]:
        for event in self.seen(function):
            yield Seen(event, event.value)
        for event in self.settled:
            for value in event.value[within_settled]:
                yield Seen(part(event, value), value)


def _course(known: Json, events: Sequence[Event]) -> Iterator[Seen]:
    agents = {tag: {**agent, "phase": "pending", "reason": ""} for tag, agent in known["agents"].items()}
    state = {**known, "status": "running", "reason": ""}
    # What one transaction wrote has one time.
    for _, group in itertools.groupby(events, key=lambda event: str(event.value["time"])):
        for event in group:
            change = event.value
            if change["tag"] in agents:
                agents[change["tag"]] = {**agents[change["tag"]], "phase": change["phase"], "reason": change["reason"]}
            elif change["status"]:
                state |= {"status": change["status"], "reason": change["reason"]}
        value = {**state, "agents": dict(agents)}
        yield Seen(part(event, {"after": event.value, "upgrade": value}), value)


def digest(change: Json) -> str:
    """A change in few characters, to be compared."""
    return hashlib.sha256(json.dumps(change, sort_keys=True).encode()).hexdigest()[:12]


def part(event: Event, value: Any) -> Event:
    """An event as evidence, with only that part of its value that matters."""
    return replace(event, value=value)
