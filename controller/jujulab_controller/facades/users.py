"""``UserManager``: users come and go, and what there is to know of them."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Row

from jujulab_controller.auth import Access, hash_agent_password, hash_user_password, make_secret
from jujulab_controller.errors import UNAUTHORIZED, permission_denied
from jujulab_controller.facades.bulk import each
from jujulab_controller.facades.client import client
from jujulab_controller.login import in_thread
from jujulab_controller.rpc.call import Call, entity, text
from jujulab_controller.rpc.registry import Where, facade
from jujulab_controller.state import models, users
from jujulab_controller.state.store import Tx
from jujulab_core.errors import RpcError
from jujulab_core.tags import USER_RE

user_manager = facade("UserManager", Where.CONTROLLER)

USER_NOT_FOUND = "user not found"


@user_manager.method("AddUser", Access.SUPERUSER)
async def add_user(call: Call) -> dict[str, Any]:
    """Makes users; one without a password gets a secret to register with, once."""

    async def one(item: dict[str, Any]) -> dict[str, Any]:
        name, password = text(item, "username"), text(item, "password")
        if not USER_RE.fullmatch(name):
            raise RpcError(f'failed to create user: "{name}" is not a valid username')
        secret = "" if password else make_secret()
        hashed = await in_thread(hash_user_password, password) if password else ""

        def write(tx: Tx) -> None:
            if users.is_taken(tx.db, name):
                raise RpcError("failed to create user: username unavailable")
            users.add(
                tx,
                name,
                hashed,
                "login",
                call.identity.name,
                display_name=text(item, "display-name"),
                secret_hash=hash_agent_password(secret) if secret else "",
            )

        await call.services.store.write(write)
        return {"tag": f"user-{name}"} | _secret_key(secret)

    return await each(call.items("users"), one)


@user_manager.method("ResetPassword", Access.SUPERUSER)
async def reset_password(call: Call) -> dict[str, Any]:
    """Takes users' passwords away; each gets a secret to register with, once."""

    async def one(tag: str) -> dict[str, Any]:
        secret = make_secret()

        def write(tx: Tx) -> None:
            users.set_secret(tx, _known(tx.db, entity(tag, "user")).name, hash_agent_password(secret))

        await call.services.store.write(write)
        return {"tag": tag} | _secret_key(secret)

    return await each(call.tags(), one)


@user_manager.method("SetPassword")
async def set_password(call: Call) -> dict[str, Any]:
    """Changes passwords: one's own, and for a superuser anybody's."""
    me = call.identity.name

    async def one(item: dict[str, Any]) -> dict[str, Any]:
        name, password = entity(text(item, "tag"), "user"), text(item, "password")

        def may(db: Connection) -> None:
            if name != me and users.controller_access(db, me) is not Access.SUPERUSER:
                raise permission_denied()
            _known(db, name)

        await call.services.store.read(may)
        if not password:
            raise RpcError("cannot use an empty password")
        hashed = await in_thread(hash_user_password, password)

        def write(tx: Tx) -> None:
            may(tx.db)
            users.set_password(tx, name, hashed)

        await call.services.store.write(write)
        return {}

    return await each(call.items("changes"), one)


@user_manager.method("EnableUser", Access.SUPERUSER)
async def enable_user(call: Call) -> dict[str, Any]:
    """Lets disabled users in again."""
    return await _change(call, lambda tx, name: users.set_disabled(tx, name, disabled=False))


@user_manager.method("DisableUser", Access.SUPERUSER)
async def disable_user(call: Call) -> dict[str, Any]:
    """Shuts users out; what they have open ends."""

    def disable(tx: Tx, name: str) -> None:
        if name == _owner(tx.db):
            raise RpcError("failed to disable user: cannot disable controller model owner", UNAUTHORIZED)
        users.set_disabled(tx, name, disabled=True)

    return await _change(call, disable)


@user_manager.method("RemoveUser", Access.SUPERUSER)
async def remove_user(call: Call) -> dict[str, Any]:
    """Removes users for good."""

    def remove(tx: Tx, name: str) -> None:
        if name == _owner(tx.db):
            raise RpcError(f'cannot delete controller owner "{name}"')
        users.remove(tx, name)

    return await _change(call, remove)


@user_manager.method("UserInfo")
async def user_info(call: Call) -> dict[str, Any]:
    """Some users; without names all of them. Whoever is no superuser sees only himself."""
    with_disabled = call.flag("include-disabled")
    me = call.identity.name

    def read(db: Connection) -> tuple[bool, list[Row[Any]]]:
        return users.controller_access(db, me) is Access.SUPERUSER, users.every(db)

    superuser, rows = await call.services.store.read(read)
    known = {row.name: row for row in rows if superuser or row.name == me}
    if not call.tags():
        shown = [row for row in known.values() if with_disabled or not row.disabled]
        return {"results": [{"result": _describe(row)} for row in shown]}

    async def one(tag: str) -> dict[str, Any]:
        row = known.get(entity(tag, "user"))
        if row is None:
            raise permission_denied()
        return {"result": _describe(row)}

    return await each(call.tags(), one)


@user_manager.method("ModelUserInfo", since="2.9.33")
async def model_user_info(call: Call) -> dict[str, Any]:
    """The users of some models."""
    results: list[dict[str, Any]] = []

    async def one(tag: str) -> dict[str, Any]:
        results.extend(await _users_of(call, entity(tag, "model")))
        return {}

    failed = [result for result in (await each(call.tags(), one))["results"] if result]
    return {"results": [*results, *failed]}


@client.method("ModelUserInfo", Access.READ, until="3.0.0")
async def own_model_user_info(call: Call) -> dict[str, Any]:
    """The users of the connection's model, as old clients ask for them."""
    return {"results": await _users_of(call, call.model)}


async def _users_of(call: Call, uuid: str) -> list[dict[str, Any]]:
    me = call.identity.name

    def read(db: Connection) -> list[dict[str, Any]]:
        mine = users.access(db, me, uuid)
        if mine < Access.READ:
            raise permission_denied()
        models.get(db, uuid)
        return [
            {
                "result": {
                    "model-tag": f"model-{uuid}",
                    "user": row.name,
                    "display-name": row.display_name,
                    "last-connection": row.last_connection,
                    "access": row.access,
                }
            }
            for row in users.of_model(db, uuid)
            if mine >= Access.ADMIN or row.name == me
        ]

    return await call.services.store.read(read)


async def _change(call: Call, change: Callable[[Tx, str], None]) -> dict[str, Any]:
    async def one(tag: str) -> dict[str, Any]:
        await call.services.store.write(lambda tx: change(tx, _known(tx.db, entity(tag, "user")).name))
        return {}

    return await each(call.tags(), one)


def _known(db: Connection, name: str) -> Row[Any]:
    user = users.get(db, name)
    if user is None:
        raise RpcError(f'user "{name}" not found', USER_NOT_FOUND)
    return user


def _owner(db: Connection) -> str:
    return str(models.get(db, models.the_controller(db).model_uuid).owner)


def _secret_key(secret: str) -> dict[str, Any]:
    # Bytes are base64 on Juju's wire.
    return {"secret-key": base64.b64encode(secret.encode()).decode()} if secret else {}


def _describe(user: Row[Any]) -> dict[str, Any]:
    return {
        "username": user.name,
        "display-name": user.display_name,
        "access": user.access,
        "created-by": user.created_by,
        "date-created": user.created,
        "last-connection": user.last_connection,
        "disabled": bool(user.disabled),
    }
