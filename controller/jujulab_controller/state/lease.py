"""The lease of whoever carries upgrades out: one orchestrator at a time, and a token that fences off the others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, update

from jujulab_controller import clock
from jujulab_controller.state.schema import leases
from jujulab_controller.state.store import Tx
from jujulab_core.errors import RpcError

LEASE = "upgrades"


def claim(tx: Tx, holder: str, ttl: float, now: datetime | None = None) -> dict[str, Any]:
    """Takes or renews the lease; the token grows with every change of holder.

    Args:
        tx: The transaction.
        holder: Who asks.
        ttl: Seconds for which the lease is asked.
        now: The time, for tests.

    Returns:
        ``granted``, ``token``, ``holder``, ``expires``.
    """
    now = now or datetime.now(UTC)
    lease = tx.db.execute(select(leases).where(leases.c.name == LEASE)).one_or_none()
    expires = clock.stamp(now + timedelta(seconds=ttl))
    if lease is not None and lease.holder != holder and clock.parse(lease.expires) > now:
        return {"granted": False, "token": lease.token, "holder": lease.holder, "expires": lease.expires}
    token = (lease.token if lease else 0) + (lease is None or lease.holder != holder)
    tx.put(leases, {"name": LEASE}, {"holder": holder, "token": token, "expires": expires})
    return {"granted": True, "token": token, "holder": holder, "expires": expires}


def release(tx: Tx, holder: str) -> None:
    """Ends the holder's lease now: it is gone, or comes back and claims again.

    Nobody can act twice by that: whoever claims next has a higher token, which the machines remember.
    """
    tx.db.execute(update(leases).where(leases.c.name == LEASE, leases.c.holder == holder).values(expires=clock.now()))


def check_token(db: Connection, token: int) -> str:
    """Refuses whoever's lease was taken over; returns the holder's name.

    Raises:
        RpcError: ``lease is held by another``.
    """
    lease = db.execute(select(leases).where(leases.c.name == LEASE)).one_or_none()
    if lease is None or lease.token != token:
        raise RpcError("lease is held by another", "leadership claim denied")
    return str(lease.holder)
