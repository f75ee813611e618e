"""Constraints: on the wire an object, in status a line; pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

# Juju keeps sizes in MiB, and writes them so.
_SIZES = ("mem", "root-disk")


def load(text: str) -> dict[str, Any]:
    """Constraints as a column keeps them; an empty text is none."""
    kept: dict[str, Any] = json.loads(text or "{}")
    return kept


def shown(*layers: Mapping[str, Any]) -> str:
    """Constraints as status shows them: ``arch=amd64 cores=2 mem=4096M``; a later layer goes over an earlier one."""
    merged = {key: value for layer in layers for key, value in layer.items()}
    return " ".join(
        f"{key}={_word(key, value)}" for key, value in sorted(merged.items()) if value not in (None, "", [])
    )


def _word(key: str, value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    if key in _SIZES and isinstance(value, int):
        return f"{value}M"
    return str(value).lower() if isinstance(value, bool) else str(value)
