"""Granting and revoking: ``ModelManager.ModifyModelAccess`` and ``Controller.ModifyControllerAccess``."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from jujulab_controller.auth import CONTROLLER_LEVELS, MODEL_LEVELS, Access, access_name
from jujulab_controller.errors import NOT_FOUND, permission_denied
from jujulab_controller.facades.bulk import each
from jujulab_controller.facades.controller import controller
from jujulab_controller.facades.model_manager import model_manager
from jujulab_controller.rpc.call import Call, entity, text
from jujulab_controller.state import models, users
from jujulab_controller.state.store import Tx
from jujulab_core.errors import RpcError

GRANT, REVOKE = "grant", "revoke"


@model_manager.method("ModifyModelAccess")
async def modify_model_access(call: Call) -> dict[str, Any]:
    """Changes what users may do on models; for a model's admins and for superusers."""
    me = call.identity.name

    async def one(item: dict[str, Any]) -> dict[str, Any]:
        action, word = text(item, "action"), text(item, "access")
        level = MODEL_LEVELS.get(word)
        if level is None:
            raise RpcError(f'could not modify model access: "{word}" model access not valid')
        uuid = entity(text(item, "model-tag"), "model")

        def write(tx: Tx) -> None:
            if users.access(tx.db, me, uuid) < Access.ADMIN:
                raise permission_denied()
            models.get(tx.db, uuid)
            name = entity(text(item, "user-tag"), "user")
            if action == GRANT:
                _grant_model(tx, name, uuid, level)
            elif action == REVOKE:
                _revoke_model(tx, name, uuid, level)
            else:
                raise RpcError(f'unknown action "{action}"')

        await call.services.store.write(write)
        return {}

    return await each(call.items("changes"), one)


@controller.method("ModifyControllerAccess", Access.SUPERUSER)
async def modify_controller_access(call: Call) -> dict[str, Any]:
    """Changes what users may do with the controller."""

    async def one(item: dict[str, Any]) -> dict[str, Any]:
        action, word = text(item, "action"), text(item, "access")
        level = CONTROLLER_LEVELS.get(word)
        if level is None:
            raise RpcError(f'could not modify controller access: "{word}" controller access not valid')
        name = entity(text(item, "user-tag"), "user")

        def write(tx: Tx) -> None:
            if action == GRANT:
                _check_user(tx.db, name, "controller")
                if users.controller_access(tx.db, name) >= level:
                    raise RpcError(f'could not grant controller access: user already has "{word}" access or greater')
                users.set_controller_access(tx, name, word)
            elif action == REVOKE:
                _revoke_controller(tx, name, level)
            else:
                raise RpcError(f'unknown action "{action}"')

        await call.services.store.write(write)
        return {}

    return await each(call.items("changes"), one)


@controller.method("GetControllerAccess")
async def get_controller_access(call: Call) -> dict[str, Any]:
    """What users may do with the controller; whoever is no superuser may ask only about himself."""
    me = call.identity.name

    async def one(tag: str) -> dict[str, Any]:
        name = entity(tag, "user")

        def read(db: Connection) -> str:
            if name != me and users.controller_access(db, me) is not Access.SUPERUSER:
                raise permission_denied()
            user = users.get(db, name)
            if user is None:
                raise RpcError(f'user "{name}" not found', NOT_FOUND)
            return str(user.access)

        return {"result": {"user-tag": tag, "access": await call.services.store.read(read)}}

    return await each(call.tags(), one)


def _grant_model(tx: Tx, name: str, uuid: str, level: Access) -> None:
    _check_user(tx.db, name, "model")
    if users.granted(tx.db, name, uuid) >= level:
        raise RpcError(f'user already has "{access_name(level)}" access or greater')
    users.grant(tx, name, uuid, access_name(level))


def _revoke_model(tx: Tx, name: str, uuid: str, level: Access) -> None:
    """Leaves what is one step below the revoked level; never more than there was."""
    have = users.granted(tx.db, name, uuid)
    if have is Access.NONE:
        raise RpcError(f'could not revoke model access: model user "{name}" does not exist', NOT_FOUND)
    left = min(have, Access(level - 1))
    if left < Access.READ:
        users.revoke(tx, name, uuid)
    elif left < have:
        users.grant(tx, name, uuid, access_name(left))


def _revoke_controller(tx: Tx, name: str, level: Access) -> None:
    have = users.controller_access(tx.db, name)
    if have is Access.NONE:
        raise RpcError(f'could not revoke controller access: controller user "{name}" does not exist', NOT_FOUND)
    users.set_controller_access(tx, name, "login" if level is Access.SUPERUSER else "")


def _check_user(db: Connection, name: str, what: str) -> None:
    if users.get(db, name) is None:
        raise RpcError(
            f'could not grant {what} access: user "{name}" does not exist locally: user "{name}" not found', NOT_FOUND
        )
