"""Juju's entity tags and names: ``machine-0``, ``unit-ubuntu-0``, ``user-admin``, ``model-UUID``."""

from __future__ import annotations

import re

from jujulab_core.errors import UsageError

# `orchestrator` is ours; the others are Juju's.
KINDS = frozenset(
    {"application", "cloud", "cloudcred", "controller", "machine", "model", "orchestrator", "unit", "user"}
)

APPLICATION_RE = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]*[a-z][a-z0-9]*)*")
UNIT_RE = re.compile(rf"({APPLICATION_RE.pattern})/(0|[1-9][0-9]*)")
MACHINE_RE = re.compile(r"0|[1-9][0-9]*")
MODEL_RE = re.compile(r"[a-z0-9]+(?:[a-z0-9-]*[a-z0-9])?")
USER_RE = re.compile(r"[a-zA-Z0-9]+(?:[a-zA-Z0-9.+-]*[a-zA-Z0-9])?")


def machine_tag(machine_id: str) -> str:
    """``machine-3`` for ``3``."""
    return f"machine-{machine_id}"


def unit_tag(unit_name: str) -> str:
    """``unit-ubuntu-0`` for ``ubuntu/0``."""
    return "unit-" + unit_name.replace("/", "-")


def split_tag(tag: str) -> tuple[str, str]:
    """Splits a tag into its kind and the entity's name: ``("unit", "ubuntu/0")``.

    Raises:
        UsageError: ``"X" is not a valid tag``, Juju's words.
    """
    kind, dash, name = tag.partition("-")
    if not dash or kind not in KINDS or not name:
        raise UsageError(f'"{tag}" is not a valid tag')
    if kind == "unit":
        application, dash, number = name.rpartition("-")
        name = f"{application}/{number}"
        if not dash or not UNIT_RE.fullmatch(name):
            raise UsageError(f'"{tag}" is not a valid tag')
    if kind == "user":
        name = name.removesuffix("@local")
    return kind, name
