"""What agents report of themselves."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from jujulab_controller import clock
from jujulab_controller.errors import not_found
from jujulab_controller.state.schema import agents, status_history
from jujulab_controller.state.store import Tx
from jujulab_core.tags import split_tag
from jujulab_core.version import Binary

# So many lines of an entity's history are kept.
HISTORY_LINES = 100


def get(db: Connection, model_uuid: str, tag: str) -> Row[Any]:
    """One agent's row.

    Raises:
        RpcError: There is no such agent.
    """
    agent = find(db, model_uuid, tag)
    if agent is None:
        raise not_found(*split_tag(tag))
    return agent


def find(db: Connection, model_uuid: str, tag: str) -> Row[Any] | None:
    """One agent's row, or None."""
    return db.execute(select(agents).where(agents.c.model_uuid == model_uuid, agents.c.tag == tag)).one_or_none()


def of_model(db: Connection, model_uuid: str) -> dict[str, Row[Any]]:
    """The agents of a model, by tag."""
    rows = db.execute(select(agents).where(agents.c.model_uuid == model_uuid))
    return {row.tag: row for row in rows}


def add(tx: Tx, model_uuid: str, tag: str, machine_id: str, status: str, message: str) -> None:
    """Makes an agent's row; it has no password yet, so nobody can log in as it."""
    tx.db.execute(
        insert(agents).values(
            model_uuid=model_uuid,
            tag=tag,
            machine_id=machine_id,
            status=status,
            message=message,
            since=clock.now(),
        )
    )


def remove(tx: Tx, model_uuid: str, tag: str) -> None:
    """Removes an agent and its history; it cannot log in any more."""
    tx.db.execute(delete(agents).where(agents.c.model_uuid == model_uuid, agents.c.tag == tag))
    tx.db.execute(delete(status_history).where(status_history.c.model_uuid == model_uuid, status_history.c.tag == tag))


def set_password(tx: Tx, model_uuid: str, tag: str, password_hash: str) -> None:
    """Replaces an agent's password."""
    _update(tx, model_uuid, tag, password_hash=password_hash)


def logged_in(tx: Tx, model_uuid: str, tag: str) -> int:
    """Counts a login; returns how many there were."""
    agent = get(tx.db, model_uuid, tag)
    _update(tx, model_uuid, tag, logins=agent.logins + 1)
    if agent.logins == 0 and tag.startswith("machine-"):
        tx.notify("provision")
    notify(tx, model_uuid, tag)
    return int(agent.logins) + 1


def report_version(tx: Tx, model_uuid: str, tag: str, binary: Binary) -> None:
    """Notes the version that an agent runs; wakes its units, which follow their machine."""
    agent = get(tx.db, model_uuid, tag)
    if agent.binary == str(binary):
        return
    _update(tx, model_uuid, tag, binary=str(binary), version=str(binary.number))
    tx.notify("agent-version", model_uuid, tag)
    notify(tx, model_uuid, tag)


def set_status(tx: Tx, model_uuid: str, tag: str, status: str, message: str) -> None:
    """Changes what the agent says of itself, and keeps the change in its history."""
    agent = get(tx.db, model_uuid, tag)
    if (agent.status, agent.message) == (status, message):
        return
    moment = clock.now()
    _update(tx, model_uuid, tag, status=status, message=message, since=moment)
    kind = "juju-machine" if tag.startswith("machine-") else "juju-unit"
    remember(tx, model_uuid, tag, kind, status, message, moment)
    notify(tx, model_uuid, tag)


def set_stage(tx: Tx, model_uuid: str, tag: str, version: str, state: str, reason: str) -> None:
    """Notes how far an agent is with getting a new binary."""
    _update(tx, model_uuid, tag, staged=version, stage_state=state, stage_reason=reason)
    notify(tx, model_uuid, tag)


def remember(tx: Tx, model_uuid: str, tag: str, kind: str, status: str, message: str, moment: str) -> None:
    """Adds a line to an entity's history, which keeps the newest ones only."""
    tx.db.execute(
        insert(status_history).values(
            model_uuid=model_uuid, tag=tag, kind=kind, status=status, message=message, since=moment
        )
    )
    mine = (status_history.c.model_uuid == model_uuid) & (status_history.c.tag == tag)
    kept = select(status_history.c.id).where(mine).order_by(status_history.c.id.desc()).limit(HISTORY_LINES).subquery()
    oldest = select(func.min(kept.c.id)).scalar_subquery()
    tx.db.execute(delete(status_history).where(mine, status_history.c.id < oldest))


def history(
    db: Connection,
    model_uuid: str,
    tag: str,
    kinds: set[str],
    limit: int = HISTORY_LINES,
    since: str = "",
    exclude: Collection[str] = (),
) -> list[Row[Any]]:
    """The newest lines of an entity's history, oldest of them first.

    Args:
        db: The connection.
        model_uuid: The model.
        tag: The entity.
        kinds: Kinds of lines.
        limit: How many at most.
        since: Nothing before this time.
        exclude: Messages that are not wanted.
    """
    rows = db.execute(
        select(status_history)
        .where(
            status_history.c.model_uuid == model_uuid,
            status_history.c.tag == tag,
            status_history.c.kind.in_(kinds),
            status_history.c.since >= since,
            status_history.c.message.not_in(exclude),
        )
        .order_by(status_history.c.id.desc())
        .limit(limit)
    )
    return list(reversed(rows.all()))


def notify(tx: Tx, model_uuid: str, tag: str) -> None:
    """Wakes whoever watches this agent's entity or its model."""
    kind, name = split_tag(tag)
    tx.notify(kind, model_uuid, name)
    tx.notify("agent", model_uuid, tag)


def _update(tx: Tx, model_uuid: str, tag: str, **values: Any) -> None:
    done = tx.db.execute(update(agents).where(agents.c.model_uuid == model_uuid, agents.c.tag == tag).values(**values))
    if not done.rowcount:
        raise not_found(*split_tag(tag))
