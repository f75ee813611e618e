"""Wall-clock time as the API prints it: RFC 3339 with ``T`` and ``Z`` (Go clients parse nothing else)."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> str:
    """The present moment, to the microsecond, in UTC."""
    return stamp(datetime.now(UTC))


def stamp(moment: datetime) -> str:
    """Prints a moment in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def whole(stamped: str) -> str:
    """What :func:`stamp` printed, to the second, as Juju prints a moment in a sentence."""
    return parse(stamped).isoformat(timespec="seconds").replace("+00:00", "Z")


def parse(text: str) -> datetime:
    """Reads what :func:`now` printed, or any other RFC 3339 time with a zone.

    Raises:
        ValueError: It is not one.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"time {text!r} has no zone")
    return moment
