"""Versions that a model was rolled back from, and that it does not get again before a person says so."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, delete, select

from jujulab_controller import clock
from jujulab_controller.state.schema import quarantine
from jujulab_controller.state.store import Tx


def of_model(db: Connection, model_uuid: str) -> dict[str, Row[Any]]:
    """A model's quarantined versions, oldest entry first, each with ``since``, ``done_by`` and ``reason``."""
    rows = db.execute(select(quarantine).where(quarantine.c.model_uuid == model_uuid).order_by(quarantine.c.since))
    return {row.version: row for row in rows}


def add(tx: Tx, model_uuid: str, version: str, by: str, reason: str) -> None:
    """Puts a version into quarantine, or renews why it is there."""
    values = {"since": clock.now(), "done_by": by, "reason": reason}
    tx.put(quarantine, {"model_uuid": model_uuid, "version": version}, values)
    tx.notify("model", model_uuid)


def lift(tx: Tx, model_uuid: str, version: str) -> bool:
    """Takes a version out of quarantine; returns whether it was there."""
    here = (quarantine.c.model_uuid == model_uuid) & (quarantine.c.version == version)
    gone = tx.db.execute(delete(quarantine).where(here)).rowcount > 0
    if gone:
        tx.notify("model", model_uuid)
    return gone
