"""The part of ``ModelManager`` that says what the configuration of new models begins with."""

from __future__ import annotations

from typing import Any

from jujulab_controller import config, controller_config
from jujulab_controller.auth import Access
from jujulab_controller.facades.bulk import each
from jujulab_controller.facades.model_manager import model_manager
from jujulab_controller.rpc.call import Call, mapping, texts
from jujulab_controller.state import models
from jujulab_controller.state.store import Tx
from jujulab_core.errors import RpcError


@model_manager.method("ModelDefaultsForClouds", Access.SUPERUSER)
async def model_defaults_for_clouds(call: Call) -> dict[str, Any]:
    """Juju's own defaults and, where there are, the controller's; the lab's only cloud has all of them."""
    mine = await call.services.store.read(models.the_controller)
    own = controller_config.model_defaults(mine)
    known: dict[str, dict[str, Any]] = {key: {"default": value} for key, value in config.defaults(mine).items()}
    for key, value in own.items():
        known.setdefault(key, {})["controller"] = value

    async def one(_: str) -> dict[str, Any]:
        return {"config": dict(sorted(known.items()))}

    return await each(call.tags(), one)


@model_manager.method("SetModelDefaults", Access.SUPERUSER)
async def set_model_defaults(call: Call) -> dict[str, Any]:
    """Sets defaults."""

    async def one(item: dict[str, Any]) -> dict[str, Any]:
        changes = mapping(item, "config")
        if "agent-version" in changes:
            raise RpcError("agent-version cannot have a default value")
        checked = config.check(changes)

        def write(tx: Tx) -> None:
            mine = models.the_controller(tx.db)
            defaults = controller_config.model_defaults(mine) | checked
            models.update_controller(tx, config=controller_config.with_model_defaults(mine, defaults))

        await call.services.store.write(write)
        return {}

    return await each(call.items("config"), one)


@model_manager.method("UnsetModelDefaults", Access.SUPERUSER)
async def unset_model_defaults(call: Call) -> dict[str, Any]:
    """Puts keys back to Juju's own defaults."""

    async def one(item: dict[str, Any]) -> dict[str, Any]:
        keys = set(config.as_kept(texts(item, "keys")))

        def write(tx: Tx) -> None:
            mine = models.the_controller(tx.db)
            defaults = controller_config.model_defaults(mine)
            left = {key: value for key, value in defaults.items() if key not in keys}
            models.update_controller(tx, config=controller_config.with_model_defaults(mine, left))

        await call.services.store.write(write)
        return {}

    return await each(call.items("keys"), one)
