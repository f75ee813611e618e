"""An event of a history, in the style of Jepsen, and the file that holds them: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from jujulab_core.errors import JujulabError

FILE_NAME = "history.jsonl"


class Kind(StrEnum):
    """What an event says about its function.

    `invoke` begins an operation; `ok`, `fail` (it did certainly not happen) and `unknown` (it may have) end it. What is
    never ended, because whoever began it was killed, is as `unknown`. An `observation` is nobody's doing.
    """

    INVOKE = "invoke"
    OK = "ok"
    FAIL = "fail"
    UNKNOWN = "unknown"
    OBSERVATION = "observation"


@dataclass(frozen=True)
class Event:
    """One line of a history.

    Attributes:
        time: Seconds of the epoch, by the clock of the host that recorded it.
        monotonic: Seconds since that host's start; what came first is decided by it.
        process: Who did or saw it; does one operation at a time.
        type: See :class:`Kind`.
        function: What was done or looked at: ``upgrade-model``, ``machine``.
        value: With what, or what was seen; JSON.
    """

    time: float
    monotonic: float
    process: str
    type: Kind
    function: str
    value: Any = None

    def to_line(self) -> str:
        """The line of the file, with its end."""
        return json.dumps(asdict(self), separators=(",", ":"), sort_keys=True) + "\n"


def parse_line(line: str) -> Event | None:
    """Reads one line; None for one that is torn, as a full disk or a crash of the host leaves it."""
    try:
        entry = json.loads(line)
        return Event(
            float(entry["time"]),
            float(entry["monotonic"]),
            str(entry["process"]),
            Kind(entry["type"]),
            str(entry["function"]),
            entry.get("value"),
        )
    except (ValueError, KeyError, TypeError):
        return None


@dataclass(frozen=True)
class Operation:
    """Something that somebody did.

    Attributes:
        invoke: Its begin.
        end: How it ended; None if nobody lived to tell.
    """

    invoke: Event
    end: Event | None = None

    @property
    def outcome(self) -> Kind:
        """``ok``, ``fail`` or ``unknown``."""
        return self.end.type if self.end else Kind.UNKNOWN

    @property
    def finished(self) -> float:
        """When it ended, monotonic; infinite where it may still come to have an effect."""
        return self.end.monotonic if self.end and self.end.type is not Kind.UNKNOWN else float("inf")


def operations(events: Iterable[Event]) -> list[Operation]:
    """Pairs each begin with its end, in the order of the begins."""
    found: list[Operation] = []
    under_way: dict[str, int] = {}
    for event in events:
        if event.type is Kind.INVOKE:
            under_way[event.process] = len(found)
            found.append(Operation(event))
        elif event.type is not Kind.OBSERVATION and event.process in under_way:
            at = under_way.pop(event.process)
            found[at] = Operation(found[at].invoke, event)
    return found


def read(path: Path) -> tuple[list[Event], int]:
    """Reads a history; gives its events by time, and how many lines were torn.

    Raises:
        JujulabError: There is no such file, or it cannot be read.
    """
    try:
        lines = path.read_text(errors="replace").splitlines()
    except FileNotFoundError as error:
        step = "name the file, or the lab with --lab; the first command that changes a lab begins its history"
        raise JujulabError(f"there is no history {path}", next_step=step) from error
    except OSError as error:
        raise JujulabError(f"cannot read the history {path}: {error}") from error
    parsed = [parse_line(line) for line in lines if line.strip()]
    events = sorted((event for event in parsed if event is not None), key=lambda event: event.monotonic)
    return events, len(parsed) - len(events)
