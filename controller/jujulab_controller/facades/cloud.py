"""``Cloud``: the one cloud that the lab is, and the one credential that each user has for it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row

from jujulab_controller.auth import Access
from jujulab_controller.errors import NOT_SUPPORTED, bad_request, not_found, permission_denied
from jujulab_controller.facades.bulk import each
from jujulab_controller.model_info import credential_tag
from jujulab_controller.rpc.call import Call, entity, text
from jujulab_controller.rpc.registry import Where, facade
from jujulab_controller.state import models, users
from jujulab_core.errors import RpcError

# Nothing is asked of who uses a lab's cloud.
_AUTH_TYPE = "empty"

cloud = facade("Cloud", Where.CONTROLLER)


@cloud.method("Clouds")
async def clouds(call: Call) -> dict[str, Any]:
    """All clouds."""
    mine = await call.services.store.read(models.the_controller)
    return {"clouds": {f"cloud-{mine.cloud}": _describe(mine)}}


@cloud.method("Cloud")
async def one_cloud(call: Call) -> dict[str, Any]:
    """Some clouds by name."""
    mine = await call.services.store.read(models.the_controller)

    async def one(tag: str) -> dict[str, Any]:
        name = entity(tag, "cloud")
        if name != mine.cloud:
            raise not_found("cloud", name)
        return {"cloud": _describe(mine)}

    return await each(call.tags(), one)


@cloud.method("DefaultCloud")
async def default_cloud(call: Call) -> dict[str, Any]:
    """The cloud of new models."""
    mine = await call.services.store.read(models.the_controller)
    return {"result": f"cloud-{mine.cloud}"}


@cloud.method("UserCredentials")
async def user_credentials(call: Call) -> dict[str, Any]:
    """The credentials of users: their own, and for a superuser anybody's."""
    mine = await call.services.store.read(models.the_controller)

    async def one(item: dict[str, Any]) -> dict[str, Any]:
        user, name = entity(text(item, "user-tag"), "user"), entity(text(item, "cloud-tag"), "cloud")
        await call.services.store.read(lambda db: _may_see(db, call, user))
        if name != mine.cloud:
            raise not_found("cloud", name)
        return {"result": [credential_tag(mine, user)]}

    return await each(call.items("user-clouds"), one)


@cloud.method("Credential")
async def credential(call: Call) -> dict[str, Any]:
    """What credentials are, without their secrets: of which these have none."""
    mine = await call.services.store.read(models.the_controller)

    async def one(tag: str) -> dict[str, Any]:
        user = _owner(tag)
        await call.services.store.read(lambda db: _may_see(db, call, user))
        if tag != credential_tag(mine, user):
            raise not_found("credential", tag.rpartition("_")[2])
        return {"result": {"auth-type": _AUTH_TYPE, "attrs": {}, "redacted": []}}

    return await each(call.tags(), one)


@cloud.method("UpdateCredentials")
async def update_credentials(call: Call) -> dict[str, Any]:
    """Takes the credential that a user has anyway; facade version 1 and 2."""
    answer = await update_credentials_check_models(call)
    return {"results": [{"error": result["error"]} if "error" in result else {} for result in answer["results"]]}


@cloud.method("UpdateCredentialsCheckModels")
async def update_credentials_check_models(call: Call) -> dict[str, Any]:
    """Takes the credential that a user has anyway: clients send theirs before they add a model."""
    mine = await call.services.store.read(models.the_controller)

    async def one(item: dict[str, Any]) -> dict[str, Any]:
        tag, sent = text(item, "tag"), item.get("credential")
        user = _owner(tag)
        if user != call.identity.name:
            raise permission_denied()
        auth_type = text(sent, "auth-type") if isinstance(sent, dict) else ""
        if auth_type != _AUTH_TYPE:
            raise RpcError(f'supported auth-types ["{_AUTH_TYPE}"], "{auth_type}" not supported', NOT_SUPPORTED)
        if tag != credential_tag(mine, user):
            raise RpcError(f'a lab\'s cloud has one credential for each user: "{mine.region}"', NOT_SUPPORTED)
        return {"tag": tag}

    return await each(call.items("credentials"), one, {"tag": ""})


def _owner(tag: str) -> str:
    parts = entity(tag, "cloudcred").split("_")
    if len(parts) != 3:
        raise bad_request(f'"{tag}" is not a valid cloudcred tag')
    return parts[1]


def _may_see(db: Connection, call: Call, user: str) -> None:
    me = call.identity.name
    if user != me and users.controller_access(db, me) is not Access.SUPERUSER:
        raise permission_denied()


def _describe(mine: Row[Any]) -> dict[str, Any]:
    return {
        "type": mine.cloud,
        "auth-types": [_AUTH_TYPE],
        "endpoint": "",
        "regions": [{"name": mine.region}],
    }
