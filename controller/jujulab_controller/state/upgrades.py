"""Records of upgrades, one row per agent, and the lease of whoever carries them out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from jujulab_controller import clock
from jujulab_controller.errors import NOT_FOUND, NOT_VALID, not_found
from jujulab_controller.state import agents, models
from jujulab_controller.state.schema import controller, leases, upgrade_agents, upgrades
from jujulab_controller.state.store import Tx
from jujulab_core.errors import RpcError
from jujulab_core.version import Number

ACTIVE = ("running", "paused")
FINAL = ("complete", "failed", "aborted")
PHASES = (
    "pending",
    "staging",
    "staged",
    "swapping",
    "restarting",
    "verifying",
    "done",
    "failed",
    "rolled-back",
    "stranded",
    "skipped",
)
LEASE = "upgrades"


def get(db: Connection, upgrade_id: int) -> Row[Any]:
    """One upgrade.

    Raises:
        RpcError: ``upgrade N not found``.
    """
    row = db.execute(select(upgrades).where(upgrades.c.id == upgrade_id)).one_or_none()
    if row is None:
        raise RpcError(f"upgrade {upgrade_id} not found", NOT_FOUND)
    return row


def active(db: Connection, model_uuid: str | None = None) -> list[Row[Any]]:
    """The upgrades that are not over, of one model or of all, oldest first."""
    query = select(upgrades).where(upgrades.c.status.in_(ACTIVE)).order_by(upgrades.c.id)
    if model_uuid is not None:
        query = query.where(upgrades.c.model_uuid == model_uuid)
    return list(db.execute(query))


def of_model(db: Connection, model_uuid: str | None) -> list[Row[Any]]:
    """All upgrades, of one model or of all, newest first."""
    query = select(upgrades).order_by(upgrades.c.id.desc())
    if model_uuid is not None:
        query = query.where(upgrades.c.model_uuid == model_uuid)
    return list(db.execute(query))


def agents_of(db: Connection, upgrade_id: int) -> list[Row[Any]]:
    """The agents' rows of an upgrade."""
    return list(db.execute(select(upgrade_agents).where(upgrade_agents.c.upgrade_id == upgrade_id)))


def upgrade_mode(db: Connection, version: Number) -> bool:
    """Whether this controller runs the version of its own model's upgrade and that upgrade is not over."""
    model_uuid = db.execute(select(controller.c.model_uuid)).scalar_one()
    return any(row.to_version == str(version) for row in active(db, model_uuid))


def start(tx: Tx, model_uuid: str, to: str, requested_by: str, options: dict[str, Any]) -> int:
    """Sets a model's version and makes the record of the upgrade; returns its number.

    A record of the same model that is not over yet is ended: the new request takes its place.
    """
    moment = clock.now()
    for row in active(tx.db, model_uuid):
        finish(tx, row, "aborted", f"replaced by an upgrade to {to}")
    model = models.get(tx.db, model_uuid)
    models.set_agent_version(tx, model_uuid, to)
    made = tx.db.execute(
        insert(upgrades).values(
            model_uuid=model_uuid,
            from_version=model.agent_version,
            to_version=to,
            status="running",
            started=moment,
            requested_by=requested_by,
            options=json.dumps(options),
        )
    )
    upgrade_id = int(made.lastrowid)
    rows = [
        {
            "upgrade_id": upgrade_id,
            "tag": tag,
            "machine_id": agent.machine_id,
            "phase": "pending",
            "since": moment,
        }
        for tag, agent in agents.of_model(tx.db, model_uuid).items()
    ]
    if rows:
        tx.db.execute(insert(upgrade_agents), rows)
    if model_uuid == models.the_controller(tx.db).model_uuid:
        models.set_status(tx, model_uuid, "busy", f'upgrade in progress since "{moment}"')
    tx.notify("upgrade", str(upgrade_id))
    return upgrade_id


def finish(tx: Tx, upgrade: Row[Any], status: str, reason: str) -> None:
    """Ends, pauses or resumes an upgrade."""
    moment = clock.now()
    tx.db.execute(
        update(upgrades)
        .where(upgrades.c.id == upgrade.id)
        .values(status=status, reason=reason, finished=moment if status in FINAL else None)
    )
    if status in FINAL and upgrade.model_uuid == models.the_controller(tx.db).model_uuid:
        word = "upgraded on" if status == "complete" else "last upgrade aborted on"
        models.set_status(tx, upgrade.model_uuid, "available", f'{word} "{moment}"')
    tx.notify("upgrade", str(upgrade.id))


def abort(tx: Tx, model_uuid: str) -> None:
    """Clears the record of a model's upgrade; the version that was asked for stays (section D.3)."""
    for row in active(tx.db, model_uuid):
        finish(tx, row, "aborted", "aborted by request")


def record(tx: Tx, upgrade_id: int, changes: Iterable[dict[str, Any]], status: str, reason: str) -> None:
    """Writes what the orchestrator did, in one transaction.

    Args:
        tx: The transaction.
        upgrade_id: Which upgrade.
        changes: New phases of agents: ``tag``, ``phase``, ``reason``, ``deadline``.
        status: The upgrade's new status, or empty to leave it.
        reason: Why.

    Raises:
        RpcError: There is no such upgrade or agent, or no such word.
    """
    upgrade = get(tx.db, upgrade_id)
    moment = clock.now()
    for change in changes:
        phase, tag = str(change.get("phase", "")), str(change.get("tag", ""))
        if phase not in PHASES:
            raise RpcError(f'unknown phase "{phase}" of {tag}', NOT_VALID)
        done = tx.db.execute(
            update(upgrade_agents)
            .where(upgrade_agents.c.upgrade_id == upgrade_id, upgrade_agents.c.tag == tag)
            .values(
                phase=phase,
                reason=str(change.get("reason") or ""),
                deadline=change.get("deadline") or None,
                since=moment,
            )
        )
        if not done.rowcount:
            raise not_found("agent", tag)
    if status:
        if status not in ACTIVE + FINAL:
            raise RpcError(f'unknown status "{status}" of an upgrade', NOT_VALID)
        # What is over stays over: an abort may have come between the orchestrator's look and its record.
        if upgrade.status not in FINAL:
            finish(tx, upgrade, status, reason)
    tx.notify("upgrade", str(upgrade_id))


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


def check_token(db: Connection, token: int) -> None:
    """Refuses whoever's lease was taken over.

    Raises:
        RpcError: ``lease is held by another``.
    """
    lease = db.execute(select(leases).where(leases.c.name == LEASE)).one_or_none()
    if lease is None or lease.token != token:
        raise RpcError("lease is held by another", "leadership claim denied")
