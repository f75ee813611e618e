"""Bases: what Juju 3 says instead of series."""

from __future__ import annotations

from jujulab_core.errors import UsageError


def parse(text: str) -> dict[str, str]:
    """Reads ``ubuntu@22.04`` into the API's base.

    Raises:
        UsageError: It is something else.
    """
    name, _, channel = text.partition("@")
    if not name or not channel:
        raise UsageError(f'invalid base "{text}": expected it like ubuntu@22.04')
    return {"name": name, "channel": channel}
