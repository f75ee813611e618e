"""Users and what they may do."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from jujulab_controller import clock
from jujulab_controller.auth import CONTROLLER_LEVELS, MODEL_LEVELS, Access
from jujulab_controller.state.schema import model_access, users
from jujulab_controller.state.store import Tx


def get(db: Connection, name: str) -> Row[Any] | None:
    """One user, or None."""
    return db.execute(select(users).where(users.c.name == name)).one_or_none()


def every(db: Connection) -> list[Row[Any]]:
    """All users, by name."""
    return list(db.execute(select(users).order_by(users.c.name)))


def add(tx: Tx, name: str, password_hash: str, access: str, created_by: str) -> None:
    """Makes a user with a controller access of ``login`` or ``superuser``."""
    tx.db.execute(
        insert(users).values(
            name=name,
            display_name=name,
            password_hash=password_hash,
            access=access,
            created_by=created_by,
            created=clock.now(),
        )
    )


def controller_access(db: Connection, name: str) -> Access:
    """What the user may do with the controller."""
    user = get(db, name)
    if user is None or user.disabled:
        return Access.NONE
    return CONTROLLER_LEVELS.get(user.access, Access.NONE)


def access(db: Connection, name: str, model_uuid: str | None) -> Access:
    """The most that the user may do with this model; without a model, with the controller."""
    controller = controller_access(db, name)
    if model_uuid is None or controller in (Access.NONE, Access.SUPERUSER):
        return controller
    granted = db.execute(
        select(model_access.c.access).where(model_access.c.model_uuid == model_uuid, model_access.c.user == name)
    ).scalar_one_or_none()
    return MODEL_LEVELS.get(granted or "", controller)


def grant(tx: Tx, name: str, model_uuid: str, level: str) -> None:
    """Gives a user ``read``, ``write`` or ``admin`` on a model, in place of what was."""
    tx.put(model_access, {"model_uuid": model_uuid, "user": name}, {"access": level})
    tx.notify("model", model_uuid)


def of_model(db: Connection, model_uuid: str) -> list[Row[Any]]:
    """The users of a model with ``access``, ``display_name`` and the time of the last connection."""
    return list(
        db.execute(
            select(users.c.name, users.c.display_name, model_access.c.access, model_access.c.last_connection)
            .join(model_access, model_access.c.user == users.c.name)
            .where(model_access.c.model_uuid == model_uuid)
            .order_by(users.c.name)
        )
    )


def connected(tx: Tx, name: str, model_uuid: str | None) -> None:
    """Notes a login."""
    moment = clock.now()
    tx.db.execute(update(users).where(users.c.name == name).values(last_connection=moment))
    if model_uuid is not None:
        tx.db.execute(
            update(model_access)
            .where(model_access.c.model_uuid == model_uuid, model_access.c.user == name)
            .values(last_connection=moment)
        )
