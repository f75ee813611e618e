"""``ModelConfig``: the settings of a model; on a controller connection those of the controller model."""

from __future__ import annotations

import json
from typing import Any

from jujulab_controller.auth import Access
from jujulab_controller.config import FIXED, as_kept, check, check_together, effective
from jujulab_controller.errors import permission_denied
from jujulab_controller.rpc.call import Call
from jujulab_controller.rpc.registry import Where, facade
from jujulab_controller.state import models, users
from jujulab_controller.state.store import Tx
from jujulab_core.errors import RpcError

model_config = facade("ModelConfig", Where.BOTH)


@model_config.method("ModelGet")
async def model_get(call: Call) -> dict[str, Any]:
    """Every setting in force and where it comes from."""
    await _need(call, Access.READ)
    model, controller = await call.services.store.read(
        lambda db: (models.get(db, call.model), models.the_controller(db))
    )
    return {"config": effective(model, controller)}


@model_config.method("ModelSet")
async def model_set(call: Call) -> dict[str, Any]:
    """Changes settings."""
    await _need(call, Access.WRITE)
    changes = check(call.mapping("config"))

    def write(tx: Tx) -> None:
        models.check_blocks(tx.db, call.model, "change")
        check_together(models.config(models.get(tx.db, call.model)) | changes)
        models.change_config(tx, call.model, changes, [])

    await call.services.store.write(write)
    return {}


@model_config.method("ModelUnset")
async def model_unset(call: Call) -> dict[str, Any]:
    """Puts settings back to their defaults."""
    await _need(call, Access.WRITE)
    keys = call.texts("keys")
    for key in keys:
        if key == "agent-version" or key in FIXED:
            raise RpcError(f'"{key}" cannot be reset')

    def write(tx: Tx) -> None:
        models.check_blocks(tx.db, call.model, "change")
        models.change_config(tx, call.model, {}, as_kept(keys))

    await call.services.store.write(write)
    return {}


@model_config.method("GetModelConstraints")
async def get_constraints(call: Call) -> dict[str, Any]:
    """The constraints that new machines of the model get."""
    await _need(call, Access.READ)
    model = await call.services.store.read(lambda db: models.get(db, call.model))
    return {"constraints": json.loads(model.constraints)}


@model_config.method("SetModelConstraints")
async def set_constraints(call: Call) -> dict[str, Any]:
    """Replaces the model's constraints."""
    await _need(call, Access.WRITE)
    constraints = call.mapping("constraints")

    def write(tx: Tx) -> None:
        models.check_blocks(tx.db, call.model, "change")
        models.set_constraints(tx, call.model, constraints)

    await call.services.store.write(write)
    return {}


async def _need(call: Call, access: Access) -> None:
    # On a controller connection the model is not the connection's, so its rights are looked up here.
    name = call.identity.name
    if await call.services.store.read(lambda db: users.access(db, name, call.model)) < access:
        raise permission_denied()
