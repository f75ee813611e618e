"""The history of upgrades: each change of an agent's phase or of an upgrade's status, in order, never changed again."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, insert, select

from jujulab_controller import clock
from jujulab_controller.state.schema import upgrade_events
from jujulab_controller.state.store import Tx

# One answer holds no more; whoever wants the rest asks for what comes after the last.
MAX_EVENTS = 5000


class Phase(NamedTuple):
    """A phase that an agent is in now, and why."""

    tag: str
    phase: str
    reason: str


def phases(tx: Tx, upgrade: Row[Any], changes: Iterable[Phase], by: str) -> None:
    """Notes that agents have entered phases, or are in them for another reason."""
    _append(tx, upgrade, [change._asdict() for change in changes], by)


def status(tx: Tx, upgrade: Row[Any], to: str, reason: str, by: str) -> None:
    """Notes that an upgrade has another status, or has it for another reason."""
    _append(tx, upgrade, [{"status": to, "reason": reason}], by)


def models(db: Connection) -> set[str]:
    """The UUIDs of all models that anything was noted of, removed ones included."""
    return set(db.execute(select(upgrade_events.c.model_uuid).distinct()).scalars())


def after(db: Connection, seq: int, model_uuids: Collection[str], upgrade_id: int | None = None) -> list[Row[Any]]:
    """The events behind a number, oldest first, :data:`MAX_EVENTS` at most.

    Args:
        db: The connection.
        seq: The number of the last event that is known; 0 for none.
        model_uuids: Of these models only.
        upgrade_id: Of this upgrade only; None for all.
    """
    query = select(upgrade_events).where(upgrade_events.c.seq > seq, upgrade_events.c.model_uuid.in_(model_uuids))
    if upgrade_id is not None:
        query = query.where(upgrade_events.c.upgrade_id == upgrade_id)
    return list(db.execute(query.order_by(upgrade_events.c.seq).limit(MAX_EVENTS)))


def _append(tx: Tx, upgrade: Row[Any], entries: list[dict[str, str]], by: str) -> None:
    same = {"time": clock.now(), "upgrade_id": upgrade.id, "model_uuid": upgrade.model_uuid, "done_by": by}
    if entries:
        tx.db.execute(insert(upgrade_events), [same | entry for entry in entries])
