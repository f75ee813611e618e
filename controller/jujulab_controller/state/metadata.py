"""The newest index that ever came from each place: what an older one is compared with."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from jujulab_controller import clock
from jujulab_controller.state.schema import metadata_seen
from jujulab_controller.state.store import Tx


def seen(db: Connection, url: str) -> datetime | None:
    """When the newest index from a place was made, or None if none ever came."""
    found = db.execute(select(metadata_seen.c.updated).where(metadata_seen.c.url == url)).scalar_one_or_none()
    return clock.parse(found) if found else None


def note(tx: Tx, url: str, updated: datetime) -> None:
    """Notes an index that is believed; an older one than the newest changes nothing."""
    before = seen(tx.db, url)
    if before is None or before < updated:
        tx.put(metadata_seen, {"url": url}, {"updated": clock.stamp(updated)})
