"""Times as Juju's commands print them (the Juju upgrade specification, section F.3)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo


@dataclass(frozen=True)
class TimeForm:
    """How times are shown.

    Attributes:
        iso: In UTC, as ``2019-06-04 08:11:12Z``; else local, as ``04 Jun 2019 10:11:12+02:00``.
        zone: The local zone; None is that of this host.
    """

    iso: bool = False
    zone: tzinfo | None = None

    @classmethod
    def choose(cls, utc: bool, environment: Mapping[str, str] = os.environ) -> TimeForm:
        """What ``--utc`` and ``JUJU_STATUS_ISO_TIME`` ask for."""
        return cls(iso=utc or environment.get("JUJU_STATUS_ISO_TIME", "").lower() in ("1", "t", "true"))

    def since(self, wire: str | None) -> str:
        """A time with its date; an empty string where there is none."""
        if not wire:
            return ""
        moment = parse(wire)
        if self.iso:
            return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        return self._local(moment, "%d %b %Y %H:%M:%S")

    def timestamp(self, wire: str | None) -> str:
        """A time of day; an empty string where there is none."""
        if not wire:
            return ""
        moment = parse(wire)
        return f"{moment.astimezone(UTC):%H:%M:%S}" if self.iso else self._local(moment, "%H:%M:%S")

    def _local(self, moment: datetime, form: str) -> str:
        local = moment.astimezone(self.zone)
        offset = local.strftime("%z")
        return local.strftime(form) + ("Z" if offset == "+0000" else f"{offset[:3]}:{offset[3:5]}")


def parse(wire: str) -> datetime:
    """Reads RFC 3339, also with nanoseconds."""
    return datetime.fromisoformat(wire)


def ago(wire: str | None, now: datetime) -> str:
    """A time as people say it: ``just now``, ``5 minutes ago``, a date; ``never connected`` where there is none."""
    if not wire:
        return "never connected"
    moment = parse(wire)
    elapsed = int((now - moment).total_seconds())
    if elapsed < 10:
        return "just now"
    for limit, size, unit in ((60, 1, "second"), (3600, 60, "minute"), (86400, 3600, "hour")):
        if elapsed < limit:
            count = elapsed // size
            return f"{count} {unit}{'s' if count != 1 else ''} ago"
    return f"{moment:%Y-%m-%d}"
