"""``ModelUpgrader``: from 2.9.33 on the controller chooses the version."""

from __future__ import annotations

from typing import Any

from jujulab_controller import upgrade_requests
from jujulab_controller.errors import NOT_SUPPORTED
from jujulab_controller.rpc.call import Call, entity
from jujulab_controller.rpc.registry import Where, facade
from jujulab_core.errors import RpcError
from jujulab_core.rules.serverside import UpgradeRequest
from jujulab_core.version import Number

model_upgrader = facade("ModelUpgrader", Where.CONTROLLER)


@model_upgrader.method("UpgradeModel")
async def upgrade_model(call: Call) -> dict[str, Any]:
    """Asks for an upgrade, or with ``dry-run`` which one it would be."""
    target = Number.parse(call.text("target-version", "0.0.0"))
    request = UpgradeRequest(
        target=None if target.is_zero else target,
        dry_run=call.flag("dry-run"),
        ignore_agent_versions=call.flag("ignore-agent-versions"),
    )
    return await upgrade_requests.upgrade_model(
        call.services,
        call.identity,
        entity(call.text("model-tag"), "model"),
        request,
        stream=call.text("agent-stream"),
        options=upgrade_requests.rollout_options(call.params),
        ignore_missing=call.flag("ignore-missing-binaries"),
        lift_quarantine=call.flag("lift-quarantine"),
    )


@model_upgrader.method("AbortModelUpgrade")
async def abort_model_upgrade(call: Call) -> dict[str, Any]:
    """Clears the record of a model's upgrade; from 4.0 on Juju has no such record."""
    if call.services.version >= Number(4, 0):
        raise RpcError("abort model upgrade not supported", NOT_SUPPORTED)
    await upgrade_requests.abort(call.services, call.identity, entity(call.text("model-tag"), "model"))
    return {}
