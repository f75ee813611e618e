"""Making and mending faults, with their record kept at every step."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime

from jujulab.faults.ledger import Ledger
from jujulab.faults.model import Json, Record, Scene
from jujulab.faults.registry import find
from jujulab_core.errors import JujulabError


def inject(scene: Scene, name: str, targets: tuple[str, ...], options: Mapping[str, str]) -> Record:
    """Breaks something.

    Args:
        scene: Where.
        name: The kind.
        targets: What.
        options: How.

    Returns:
        The record by which it is mended.

    Raises:
        UsageError: There is no such kind, target or option.
        JujulabError: It could not be done; what was done of it was undone.
    """
    kind, ledger = find(name), Ledger(scene.engine, scene.lab)
    began = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    record = Record(ledger.next_id(), name, targets, kind.check(targets, options), began)

    def keep(state: Json) -> None:
        nonlocal record
        record = dataclasses.replace(record, state=state)
        ledger.keep(record)

    try:
        kind.inject(scene, record, keep)
    except JujulabError:
        heal(scene, record)
        raise
    ledger.keep(record)
    return record


def heal(scene: Scene, record: Record) -> None:
    """Mends a fault and strikes it out; one that is mended already is only struck out."""
    find(record.kind).heal(scene, record)
    Ledger(scene.engine, scene.lab).forget(record)
