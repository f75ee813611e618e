"""``ModelManager``: models come and go, and what there is to know of each."""

from __future__ import annotations

import uuid as uuids
from typing import Any

from sqlalchemy import Connection, Row

from jujulab_controller import config, controller_config
from jujulab_controller.auth import Access
from jujulab_controller.errors import bad_request, not_found, permission_denied
from jujulab_controller.facades.bulk import each
from jujulab_controller.model_info import QUALIFIED, credential_tag, for_version, info, info_for, reference, summary
from jujulab_controller.rpc.call import Call, entity, text
from jujulab_controller.rpc.registry import Where, facade
from jujulab_controller.state import applications, machines, models, users
from jujulab_controller.state.store import Tx
from jujulab_controller.status import hardware
from jujulab_controller.upgrade_requests import gather, refuse
from jujulab_core.errors import RpcError
from jujulab_core.rules import checks
from jujulab_core.tags import MODEL_RE
from jujulab_core.version import Number

# What the status of a model that there is not has beside the error: Juju leaves none of it out.
_NO_STATUS = {
    "model-tag": "",
    "life": "",
    "type": "",
    "hosted-machine-count": 0,
    "application-count": 0,
    "unit-count": 0,
    "owner-tag": "",
}

model_manager = facade("ModelManager", Where.CONTROLLER)


@model_manager.method("ListModels")
async def list_models(call: Call) -> dict[str, Any]:
    """The models of a user; of others only for superusers."""
    name = entity(call.text("tag"), "user")

    def read(db: Connection) -> list[dict[str, Any]]:
        superuser = _may_see_all(db, call, name)
        return [
            {"model": for_version(reference(model), call.version), "last-connection": _last(db, model.uuid, name)}
            for model in models.visible(db, name, everything=superuser)
        ]

    return {"user-models": await call.services.store.read(read)}


@model_manager.method("ListModelSummaries")
async def list_model_summaries(call: Call) -> dict[str, Any]:
    """The models of a user with what ``juju models`` shows."""
    name = entity(call.text("user-tag"), "user")
    everything = call.flag("all")

    def read(db: Connection) -> list[dict[str, Any]]:
        superuser = _may_see_all(db, call, name)
        found = models.visible(db, name, everything=everything and superuser)
        return [{"result": for_version(summary(db, model, name), call.version)} for model in found]

    return {"results": await call.services.store.read(read)}


@model_manager.method("ModelInfo")
async def model_info(call: Call) -> dict[str, Any]:
    """All about some models."""

    async def one(tag: str) -> dict[str, Any]:
        uuid = entity(tag, "model")
        lost = call.services.is_lost(uuid)

        def read(db: Connection) -> dict[str, Any]:
            _need(db, call, uuid, Access.READ)
            return for_version(info_for(db, call.identity.name, uuid, lost), call.version)

        return {"result": await call.services.store.read(read)}

    return await each(call.tags(), one)


@model_manager.method("ModelStatus")
async def model_status(call: Call) -> dict[str, Any]:
    """How much there is in some models."""

    async def one(tag: str) -> dict[str, Any]:
        uuid = entity(tag, "model")

        def read(db: Connection) -> dict[str, Any]:
            _need(db, call, uuid, Access.ADMIN)
            model = models.get(db, uuid)
            hosts = machines.of_model(db, uuid)
            answer = {
                "model-tag": tag,
                "life": model.life,
                "type": "iaas",
                "hosted-machine-count": len(hosts),
                "application-count": len(applications.of_model(db, uuid)),
                "unit-count": len(applications.units_of_model(db, uuid)),
                "owner-tag": f"user-{model.owner}",
                "model-machines": [
                    {"id": host.id, "instance-id": host.instance_id, "hardware": hardware(host)} for host in hosts
                ],
            }
            return for_version(answer, call.version)

        return await call.services.store.read(read)

    return {"models": (await each(call.tags(), one, _NO_STATUS))["results"]}


@model_manager.method("CreateModel", Access.SUPERUSER)
async def create_model(call: Call) -> dict[str, Any]:
    """Makes a model at the controller's version, or at the lower one that its configuration asks for."""
    services = call.services
    name, owner = call.text("name"), _owner(call)
    if not MODEL_RE.fullmatch(name):
        raise bad_request(
            f'"{name}" is not a valid name: model names may only contain lowercase letters, digits and hyphens'
        )
    settings = dict(call.mapping("config"))
    version = Number.parse(str(settings.pop("agent-version", None) or services.version))
    if version > services.version:
        raise RpcError(f"agent-version {version} is above the controller's: {services.version}")
    for key in config.FIXED:
        settings.pop(key, None)
    settings = config.check(settings)
    uuid = str(uuids.uuid4())

    def write(tx: Tx) -> None:
        if users.get(tx.db, owner) is None:
            raise RpcError(f'user "{owner}" not found', "user not found")
        mine = models.the_controller(tx.db)
        _check_place(call, mine, owner)
        begins_with = {"authorized-keys": mine.authorized_keys} | controller_config.model_defaults(mine)
        config.check_together(begins_with | settings)
        models.create(tx, uuid, name, owner, str(version), begins_with | settings)

    await services.store.write(write)
    made = await services.store.read(lambda db: info(db, uuid, services.is_lost(uuid)))
    return for_version(made, call.version)


def _owner(call: Call) -> str:
    tag = call.text("owner-tag")
    if call.version < QUALIFIED or tag:
        return entity(tag, "user")
    return call.text("qualifier") or call.identity.name


def _check_place(call: Call, mine: Row[Any], owner: str) -> None:
    """Refuses any cloud, region and credential but those that the lab has; what is not named is the lab's."""
    tag, region, credential = call.text("cloud-tag"), call.text("region"), call.text("credential")
    if tag and entity(tag, "cloud") != mine.cloud:
        raise not_found("cloud", entity(tag, "cloud"))
    if region and region != mine.region:
        raise not_found("region", region)
    if credential and credential not in (credential_tag(mine, owner), credential_tag(mine, call.identity.name)):
        raise not_found("credential", entity(credential, "cloudcred"))


@model_manager.method("DestroyModels")
async def destroy_models(call: Call) -> dict[str, Any]:
    """Removes models with all that is in them."""

    async def one(item: dict[str, Any]) -> dict[str, Any]:
        tag = text(item, "model-tag") or text(item, "tag")
        uuid = entity(tag, "model")

        def write(tx: Tx) -> None:
            _need(tx.db, call, uuid, Access.ADMIN)
            if uuid == call.services.controller_model:
                raise RpcError("cannot destroy controller model: destroy the controller instead")
            models.check_blocks(tx.db, uuid, "destroy")
            models.remove(tx, uuid)

        await call.services.store.write(write)
        return {}

    return await each(call.items("models") or call.items("entities"), one)


@model_manager.method("ValidateModelUpgrades", since="2.8.0", until="3.0.0")
async def validate_model_upgrades(call: Call) -> dict[str, Any]:
    """Whether anything in some models stands in the way of an upgrade."""

    async def one(item: dict[str, Any]) -> dict[str, Any]:
        uuid = entity(text(item, "model-tag"), "model")
        facts = await call.services.store.read(lambda db: gather(db, call.services, uuid, call.identity))
        refuse(checks.validate_model_upgrade(facts))
        return {}

    return await each(call.items("model"), one)


def _need(db: Connection, call: Call, uuid: str, access: Access) -> None:
    if users.access(db, call.identity.name, uuid) < access:
        raise permission_denied()
    models.get(db, uuid)


def _may_see_all(db: Connection, call: Call, name: str) -> bool:
    superuser = users.controller_access(db, call.identity.name) is Access.SUPERUSER
    if name != call.identity.name and not superuser:
        raise permission_denied()
    return users.controller_access(db, name) is Access.SUPERUSER


def _last(db: Connection, uuid: str, name: str) -> str | None:
    return next((row.last_connection for row in users.of_model(db, uuid) if row.name == name), None)
