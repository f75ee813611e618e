"""The catalogue of agent binaries in the cache, per model.

A hosted model sees its own catalogue and the controller model's (the Juju upgrade specification, section C.4).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, select

from jujulab_controller import clock
from jujulab_controller.state.schema import binaries, controller
from jujulab_controller.state.store import Tx


def of_model(db: Connection, model_uuid: str) -> dict[str, Row[Any]]:
    """What a model may use, by binary version; its own entry comes before the controller model's."""
    shared = db.execute(select(controller.c.model_uuid)).scalar_one()
    rows = db.execute(select(binaries).where(binaries.c.model_uuid.in_({model_uuid, shared})))
    return {row.version: row for row in sorted(rows, key=lambda row: bool(row.model_uuid == model_uuid))}


def every(db: Connection) -> list[Row[Any]]:
    """All entries of all models, by version."""
    return list(db.execute(select(binaries).order_by(binaries.c.version, binaries.c.stored)))


def find(db: Connection, model_uuid: str, version: str) -> Row[Any] | None:
    """The entry that a model may use for a binary version, or None."""
    return of_model(db, model_uuid).get(version)


def add(tx: Tx, model_uuid: str, version: str, sha256: str, size: int, source: str) -> None:
    """Notes that a verified binary is in the cache."""
    tx.put(
        binaries,
        {"model_uuid": model_uuid, "version": version},
        {"sha256": sha256, "size": size, "source": source, "stored": clock.now()},
    )
    tx.notify("binary", version)
