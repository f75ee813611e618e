"""``Controller``: about the controller itself."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection

from jujulab_controller import controller_config
from jujulab_controller.auth import Access
from jujulab_controller.config import effective
from jujulab_controller.errors import permission_denied
from jujulab_controller.facades.bulk import each
from jujulab_controller.model_info import reference
from jujulab_controller.rpc.call import Call, entity
from jujulab_controller.rpc.registry import Where, facade
from jujulab_controller.state import models, users
from jujulab_controller.watchers import AllWatcher
from jujulab_core.layout import API_PORT

controller = facade("Controller", Where.CONTROLLER)

# What of the controller model's settings a model's admin may know; proxies, say, are none of his business.
SHOWN_TO_ADMINS = ("agent-stream", "agent-version", "name", "type", "uuid")


@controller.method("ControllerVersion")
async def controller_version(call: Call) -> dict[str, Any]:
    """The version that the controller runs."""
    return {"version": str(call.services.version), "git-commit": ""}


@controller.method("ControllerConfig")
async def get_config(call: Call) -> dict[str, Any]:
    """The controller's own settings."""
    mine = await call.services.store.read(models.the_controller)
    return {
        "config": controller_config.effective(mine)
        | {
            "controller-uuid": mine.uuid,
            "controller-name": mine.name,
            "api-port": API_PORT,
            "ca-cert": mine.ca_cert,
            "identity-url": "",
            "features": [],
        }
    }


@controller.method("ModelConfig")
async def controller_model_config(call: Call) -> dict[str, Any]:
    """The controller model's settings (the Juju upgrade specification, section C.1, step 2).

    Every client up to 2.8.6 reads them before it upgrades any model, and ends where it may not. Juju shows them to
    superusers only. Here whoever administers a model sees what a client needs of them, and so may upgrade that
    model with any client, as Juju's manual says.
    """
    name = call.identity.name

    def read(db: Connection) -> dict[str, dict[str, Any]]:
        settings = effective(models.get(db, call.services.controller_model), models.the_controller(db))
        if users.controller_access(db, name) is Access.SUPERUSER:
            return settings
        if users.administers_any(db, name):
            return {key: settings[key] for key in SHOWN_TO_ADMINS}
        raise permission_denied()

    return {"config": await call.services.store.read(read)}


@controller.method("AllModels", Access.SUPERUSER)
async def all_models(call: Call) -> dict[str, Any]:
    """Every model of the controller."""
    found = await call.services.store.read(lambda db: models.visible(db, call.identity.name, everything=True))
    return {"user-models": [{"model": reference(model), "last-connection": None} for model in found]}


@controller.method("WatchAllModels", Access.SUPERUSER, until="4.0.0")
async def watch_all_models(call: Call) -> dict[str, Any]:
    """A watcher of everything in every model, for ``AllModelWatcher``."""
    return {"watcher-id": call.session.add_watcher(AllWatcher(call.services, None))}


@controller.method("ControllerAPIInfoForModels")
async def controller_api_info_for_models(call: Call) -> dict[str, Any]:
    """Where the controller of each of some models is: here."""
    mine = await call.services.store.read(models.the_controller)

    async def one(tag: str) -> dict[str, Any]:
        uuid = entity(tag, "model")
        await call.services.store.read(lambda db: models.get(db, uuid))
        return {"addresses": json.loads(mine.api_endpoints), "cacert": mine.ca_cert}

    return await each(call.tags(), one)


@controller.method("ListBlockedModels", Access.SUPERUSER)
async def list_blocked_models(call: Call) -> dict[str, Any]:
    """The models with a block in force."""

    def read(db: Connection) -> list[dict[str, Any]]:
        return [
            {
                "name": model.name,
                "model-uuid": model.uuid,
                "owner-tag": f"user-{model.owner}",
                "blocks": list(models.blocks_of(db, model.uuid)),
            }
            for model in models.visible(db, call.identity.name, everything=True)
            if models.blocks_of(db, model.uuid)
        ]

    return {"models": await call.services.store.read(read)}


@controller.method("IdentityProviderURL")
async def identity_provider_url(_call: Call) -> dict[str, Any]:
    """There is no identity provider."""
    return {"result": ""}
