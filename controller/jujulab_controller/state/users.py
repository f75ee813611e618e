"""Users and what they may do."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from jujulab_controller import clock
from jujulab_controller.auth import CONTROLLER_LEVELS, MODEL_LEVELS, Access
from jujulab_controller.state.schema import model_access, users
from jujulab_controller.state.store import Tx


def get(db: Connection, name: str) -> Row[Any] | None:
    """One user, or None; who was removed is none."""
    return db.execute(select(users).where(users.c.name == name, users.c.removed == 0)).one_or_none()


def every(db: Connection) -> list[Row[Any]]:
    """All users, by name."""
    return list(db.execute(select(users).where(users.c.removed == 0).order_by(users.c.name)))


def is_taken(db: Connection, name: str) -> bool:
    """Whether a user of this name is there or ever was, in whatever case it is written."""
    return db.execute(select(users.c.name).where(func.lower(users.c.name) == name.lower())).first() is not None


def add(
    tx: Tx,
    name: str,
    password_hash: str,
    access: str,
    created_by: str,
    *,
    display_name: str = "",
    secret_hash: str = "",
) -> None:
    """Makes a user with a controller access of ``login`` or ``superuser``.

    Args:
        tx: The transaction.
        name: The name that the user logs in by.
        password_hash: Of the password; empty for one that has to register first.
        access: To the controller.
        created_by: Who makes the user.
        display_name: The name for people; by default the same.
        secret_hash: Of the secret with which the user registers, once.
    """
    tx.db.execute(
        insert(users).values(
            name=name,
            display_name=display_name or name,
            password_hash=password_hash,
            secret_hash=secret_hash,
            access=access,
            created_by=created_by,
            created=clock.now(),
        )
    )


def set_password(tx: Tx, name: str, password_hash: str) -> None:
    """Gives a user a password; a secret to register with is void from now on."""
    tx.db.execute(update(users).where(users.c.name == name).values(password_hash=password_hash, secret_hash=""))


def set_secret(tx: Tx, name: str, secret_hash: str) -> None:
    """Takes a user's password away and lets the user register anew."""
    tx.db.execute(update(users).where(users.c.name == name).values(password_hash="", secret_hash=secret_hash))


def set_disabled(tx: Tx, name: str, *, disabled: bool) -> None:
    """Shuts a user out, or lets the user in again."""
    tx.db.execute(update(users).where(users.c.name == name).values(disabled=int(disabled)))
    _changed(tx, name)


def remove(tx: Tx, name: str) -> None:
    """Removes a user and all rights; the name is never given again, because models may still bear it."""
    tx.db.execute(delete(model_access).where(model_access.c.user == name))
    tx.db.execute(
        update(users).where(users.c.name == name).values(removed=1, access="", password_hash="", secret_hash="")
    )
    _changed(tx, name)


def controller_access(db: Connection, name: str) -> Access:
    """What the user may do with the controller."""
    user = get(db, name)
    if user is None or user.disabled:
        return Access.NONE
    return CONTROLLER_LEVELS.get(user.access, Access.NONE)


def set_controller_access(tx: Tx, name: str, level: str) -> None:
    """Gives a user ``login``, ``superuser`` or, with an empty text, nothing on the controller."""
    tx.db.execute(update(users).where(users.c.name == name).values(access=level))
    _changed(tx, name)


def access(db: Connection, name: str, model_uuid: str | None) -> Access:
    """The most that the user may do with this model; without a model, with the controller."""
    controller = controller_access(db, name)
    if model_uuid is None or controller in (Access.NONE, Access.SUPERUSER):
        return controller
    return max(granted(db, name, model_uuid), controller)


def granted(db: Connection, name: str, model_uuid: str) -> Access:
    """What was granted to the user on this model itself."""
    level = db.execute(
        select(model_access.c.access).where(model_access.c.model_uuid == model_uuid, model_access.c.user == name)
    ).scalar_one_or_none()
    return MODEL_LEVELS.get(level or "", Access.NONE)


def administers_any(db: Connection, name: str) -> bool:
    """Whether the user was granted ``admin`` on some model."""
    query = select(model_access.c.model_uuid).where(model_access.c.user == name, model_access.c.access == "admin")
    return controller_access(db, name) >= Access.LOGIN and db.execute(query).first() is not None


def grant(tx: Tx, name: str, model_uuid: str, level: str) -> None:
    """Gives a user ``read``, ``write`` or ``admin`` on a model, in place of what was."""
    tx.put(model_access, {"model_uuid": model_uuid, "user": name}, {"access": level})
    _changed(tx, name)
    tx.notify("model", model_uuid)


def revoke(tx: Tx, name: str, model_uuid: str) -> None:
    """Takes all that a user may do on a model."""
    tx.db.execute(delete(model_access).where(model_access.c.model_uuid == model_uuid, model_access.c.user == name))
    _changed(tx, name)
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


def _changed(tx: Tx, name: str) -> None:
    # Whoever streams something to this user looks again whether it may.
    tx.notify("access", name)
