"""Constraints as users type them, and as the API has them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jujulab_core.errors import UsageError
from jujulab_core.publishing import ARCHES

# In MiB.
_SIZES = {"": 1, "M": 1, "G": 2**10, "T": 2**20, "P": 2**30}
_ALIASES = {"cpu-cores": "cores"}


def _text(value: str) -> str:
    return value


def _list(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


def _arch(value: str) -> str:
    if value and value not in ARCHES:
        raise ValueError(f'"{value}" not recognized')
    return value


def _number(value: str) -> int:
    if not re.fullmatch(r"\d{0,18}", value, re.ASCII):
        raise ValueError("must be a non-negative integer")
    return int(value or 0)


def _size(value: str) -> int:
    match = re.fullmatch(r"(\d{0,12}(?:\.\d{1,6})?)([MGTP]?)", value, re.ASCII)
    if not match or (match[2] and not match[1]):
        raise ValueError("must be a non-negative float with optional M/G/T/P suffix")
    return math.ceil(float(match[1] or 0) * _SIZES[match[2]])


def _truth(value: str) -> bool:
    if value not in ("", "true", "false"):
        raise ValueError("must be 'true' or 'false'")
    return value == "true"


_KEYS: Mapping[str, Callable[[str], Any]] = {
    "allocate-public-ip": _truth,
    "arch": _arch,
    "container": _text,
    "cores": _number,
    "cpu-power": _number,
    "image-id": _text,
    "instance-role": _text,
    "instance-type": _text,
    "mem": _size,
    "root-disk": _size,
    "root-disk-source": _text,
    "spaces": _list,
    "tags": _list,
    "virt-type": _text,
    "zones": _list,
}


def parse(texts: Iterable[str]) -> dict[str, Any]:
    """Reads ``cores=2 mem=4G`` in any number of texts.

    Raises:
        UsageError: Juju's words.
    """
    found: dict[str, Any] = {}
    for word in " ".join(texts).split():
        key, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f'malformed constraint "{word}"')
        name = _ALIASES.get(key, key)
        if name not in _KEYS:
            raise UsageError(f'unknown constraint "{key}"')
        if name in found:
            raise UsageError(f'bad "{key}" constraint: already set')
        try:
            found[name] = _KEYS[name](value)
        except ValueError as error:
            raise UsageError(f'bad "{key}" constraint: {error}') from None
    return found


def shown(constraints: Mapping[str, Any]) -> str:
    """Constraints in one line: ``cores=2 mem=4096M``."""
    return " ".join(f"{key}={_word(key, value)}" for key, value in sorted(constraints.items()))


def _word(key: str, value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value}M" if _KEYS.get(key) is _size else str(value)
