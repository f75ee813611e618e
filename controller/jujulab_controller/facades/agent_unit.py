"""``Uniter``: what unit agents say of themselves and of their workloads."""

from __future__ import annotations

from typing import Any

from jujulab_controller.facades.bulk import each
from jujulab_controller.rpc.call import Call, entity, text
from jujulab_controller.rpc.registry import Where, Who, facade
from jujulab_controller.state import agents, applications

uniter = facade("Uniter", Where.MODEL, Who.UNIT)


@uniter.method("SetAgentStatus")
async def set_agent_status(call: Call) -> dict[str, Any]:
    """Notes the unit agent's status."""

    async def one(item: dict[str, Any]) -> dict[str, Any]:
        tag = call.own(text(item, "tag"))
        word, info = text(item, "status"), text(item, "info")
        await call.services.store.write(lambda tx: agents.set_status(tx, call.model, tag, word, info))
        return {}

    return await each(call.items("entities"), one)


@uniter.method("SetUnitStatus")
async def set_unit_status(call: Call) -> dict[str, Any]:
    """Notes the workload's status."""

    async def one(item: dict[str, Any]) -> dict[str, Any]:
        name = entity(call.own(text(item, "tag")), "unit")
        word, info = text(item, "status"), text(item, "info")
        await call.services.store.write(lambda tx: applications.set_workload_status(tx, call.model, name, word, info))
        return {}

    return await each(call.items("entities"), one)
