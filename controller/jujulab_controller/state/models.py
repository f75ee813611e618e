"""Models, their configuration, constraints, blocks and annotations; and the controller's own row."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from jujulab_controller import clock
from jujulab_controller.errors import ALREADY_EXISTS, BLOCKED, not_found
from jujulab_controller.state import users
from jujulab_controller.state.schema import blocks, controller, entity_annotations, model_access, models
from jujulab_controller.state.store import Tx
from jujulab_core.errors import RpcError


def the_controller(db: Connection) -> Row[Any]:
    """This controller's own record."""
    return db.execute(select(controller)).one()


def update_controller(tx: Tx, **values: Any) -> None:
    """Changes columns of the controller's record."""
    tx.db.execute(update(controller).values(**values))


def get(db: Connection, uuid: str) -> Row[Any]:
    """One model.

    Raises:
        RpcError: ``model "UUID" not found``.
    """
    model = find(db, uuid)
    if model is None:
        raise not_found("model", uuid)
    return model


def find(db: Connection, uuid: str) -> Row[Any] | None:
    """One model, or None."""
    return db.execute(select(models).where(models.c.uuid == uuid)).one_or_none()


def visible(db: Connection, user: str, *, everything: bool) -> list[Row[Any]]:
    """The models that a user may see, by owner and name.

    Args:
        db: The connection.
        user: Whose models.
        everything: All there are, for a superuser.
    """
    query = select(models).order_by(models.c.owner, models.c.name)
    if not everything:
        query = query.join(model_access).where(model_access.c.user == user)
    return list(db.execute(query))


def create(tx: Tx, uuid: str, name: str, owner: str, agent_version: str, config: dict[str, Any]) -> None:
    """Makes an empty model that its owner administers.

    Raises:
        RpcError: The owner has a model of this name already.
    """
    taken = tx.db.execute(select(models.c.uuid).where(models.c.owner == owner, models.c.name == name)).first()
    if taken:
        raise RpcError(f'model "{name}" for {owner} already exists', ALREADY_EXISTS)
    moment = clock.now()
    tx.db.execute(
        insert(models).values(
            uuid=uuid,
            name=name,
            owner=owner,
            life="alive",
            agent_version=agent_version,
            config=json.dumps(config),
            status="available",
            status_since=moment,
            created=moment,
        )
    )
    users.grant(tx, owner, uuid, "admin")
    tx.notify("models")
    tx.notify("model", uuid)


def remove(tx: Tx, uuid: str) -> None:
    """Removes a model and all that belongs to it."""
    tx.db.execute(delete(models).where(models.c.uuid == uuid))
    tx.notify("model", uuid)
    tx.notify("models")
    tx.notify("provision")


def config(model: Row[Any]) -> dict[str, Any]:
    """The settings that the model itself holds, without defaults."""
    settings: dict[str, Any] = json.loads(model.config)
    return settings


def change_config(tx: Tx, uuid: str, set_: dict[str, Any], unset: list[str]) -> None:
    """Sets some keys and puts others back to their defaults."""
    settings = config(get(tx.db, uuid)) | set_
    for key in unset:
        settings.pop(key, None)
    tx.db.execute(update(models).where(models.c.uuid == uuid).values(config=json.dumps(settings)))
    tx.notify("model", uuid)


def set_agent_version(tx: Tx, uuid: str, version: str) -> None:
    """Changes the version that the model's agents shall run; part of an upgrade's transaction."""
    tx.db.execute(update(models).where(models.c.uuid == uuid).values(agent_version=version, available_version=""))
    tx.notify("model", uuid)
    tx.notify("model-version", uuid)


def set_available(tx: Tx, model: Row[Any], version: str) -> None:
    """Notes a newer version for a model, unless the model has gone elsewhere since it was looked at."""
    same = (models.c.uuid == model.uuid) & (models.c.agent_version == model.agent_version)
    done = tx.db.execute(
        update(models).where(same, models.c.available_version != version).values(available_version=version)
    )
    if done.rowcount:
        tx.notify("model", model.uuid)


def set_status(tx: Tx, uuid: str, status: str, message: str) -> None:
    """Changes the model's own status."""
    tx.db.execute(
        update(models)
        .where(models.c.uuid == uuid)
        .values(status=status, status_message=message, status_since=clock.now())
    )
    tx.notify("model", uuid)


def set_constraints(tx: Tx, uuid: str, constraints: dict[str, Any]) -> None:
    """Replaces the model's constraints."""
    tx.db.execute(update(models).where(models.c.uuid == uuid).values(constraints=json.dumps(constraints)))
    tx.notify("model", uuid)


def take_number(tx: Tx, uuid: str, column: str) -> int:
    """The next number of a counter of the model (``next_machine``, ``next_relation``); never given twice."""
    number = int(tx.db.execute(select(models.c[column]).where(models.c.uuid == uuid)).scalar_one())
    tx.db.execute(update(models).where(models.c.uuid == uuid).values({column: number + 1}))
    return number


def blocks_of(db: Connection, uuid: str) -> dict[str, str]:
    """The blocks in force: type (``BlockChange``) to message."""
    return {
        row.type: row.message
        for row in db.execute(select(blocks).where(blocks.c.model_uuid == uuid).order_by(blocks.c.type))
    }


# Which blocks stop which kind of action: `all` stops everything, `remove-object` also destruction.
_STOPPED_BY = {
    "change": ("BlockChange",),
    "remove": ("BlockRemove", "BlockChange"),
    "destroy": ("BlockDestroy", "BlockRemove", "BlockChange"),
}


def check_blocks(db: Connection, uuid: str, action: str) -> None:
    """Refuses what a block in force stops.

    Args:
        db: The connection.
        uuid: The model.
        action: ``change``, ``remove`` or ``destroy``.

    Raises:
        RpcError: With the block's message and the code ``operation is blocked``; its info, ours, has the block's type.
    """
    blocked = blocks_of(db, uuid)
    for type_ in _STOPPED_BY[action]:
        if type_ in blocked:
            raise RpcError(blocked[type_] or "the operation has been blocked", BLOCKED, {"block": type_})


def block(tx: Tx, uuid: str, type_: str, message: str) -> None:
    """Switches a block on.

    Raises:
        RpcError: It is on already.
    """
    if type_ in blocks_of(tx.db, uuid):
        raise RpcError(f"block {type_} is already ON")
    tx.db.execute(insert(blocks).values(model_uuid=uuid, type=type_, message=message))
    tx.notify("model", uuid)


def unblock(tx: Tx, uuid: str, type_: str) -> None:
    """Switches a block off.

    Raises:
        RpcError: It is off already.
    """
    gone = tx.db.execute(delete(blocks).where(blocks.c.model_uuid == uuid, blocks.c.type == type_))
    if not gone.rowcount:
        raise RpcError(f"block {type_} is already OFF")
    tx.notify("model", uuid)


def annotations_of(db: Connection, uuid: str) -> dict[str, dict[str, str]]:
    """All annotations of a model, by tag."""
    return {
        row.tag: json.loads(row.annotations)
        for row in db.execute(select(entity_annotations).where(entity_annotations.c.model_uuid == uuid))
    }


def annotate(tx: Tx, uuid: str, tag: str, pairs: dict[str, str]) -> None:
    """Sets annotations of an entity; an empty value removes its key."""
    merged = annotations_of(tx.db, uuid).get(tag, {}) | pairs
    text = json.dumps({key: value for key, value in merged.items() if value})
    tx.put(entity_annotations, {"model_uuid": uuid, "tag": tag}, {"annotations": text})
    tx.notify("annotation", uuid, tag)
