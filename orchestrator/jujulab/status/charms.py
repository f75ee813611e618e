"""Charm URLs: ``cs:ubuntu-12``, ``cs:~user/bionic/ubuntu-12``, ``ch:amd64/jammy/ubuntu-12``, ``local:ubuntu-0``."""

from __future__ import annotations

import re
from typing import NamedTuple

_ORIGINS = {"cs": "jujucharms", "ch": "charmhub", "local": "local"}
_NAME_RE = re.compile(r"(?P<name>.*?)(?:-(?P<revision>\d+))?")


class Charm(NamedTuple):
    """The parts of a charm URL that status shows."""

    origin: str
    name: str
    revision: int


def parse(url: str) -> Charm:
    """Reads a charm URL; a missing revision is 0, an unknown schema is its own origin."""
    schema, colon, path = url.rpartition(":")
    match = _NAME_RE.fullmatch(path.rpartition("/")[2])
    name, revision = (match["name"], match["revision"]) if match else (path, None)
    return Charm(_ORIGINS.get(schema, schema) if colon else "charmhub", name, int(revision or 0))
