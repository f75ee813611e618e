"""Durations as people type them: ``100ms``, ``30s``, ``5m``, ``1h30m``, or a plain number of seconds."""

from __future__ import annotations

import re

from jujulab_core.errors import UsageError

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = r"(\d+(?:\.\d+)?)(ms|s|m|h|d)"


def seconds(text: str) -> float:
    """Reads a duration.

    Raises:
        UsageError: It is not one.
    """
    if re.fullmatch(r"\d+(?:\.\d+)?", text, re.ASCII):
        return float(text)
    if not re.fullmatch(f"(?:{_PART})+", text, re.ASCII):
        raise UsageError(f'invalid duration "{text}"', next_step="write it as 30s, 5m or 1h30m")
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(_PART, text))
