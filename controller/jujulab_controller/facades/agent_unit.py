"""``Uniter``: what unit agents say of themselves and of their workloads."""

from __future__ import annotations

from typing import Any

from jujulab_controller.facades.statuses import note
from jujulab_controller.rpc.call import Call, entity
from jujulab_controller.rpc.registry import Where, Who, facade
from jujulab_controller.state import agents, applications
from jujulab_controller.state.store import Tx

uniter = facade("Uniter", Where.MODEL, Who.UNIT)


@uniter.method("SetAgentStatus")
async def set_agent_status(call: Call) -> dict[str, Any]:
    """Notes the unit agent's status."""
    return await note(call, lambda tx, tag, word, info: agents.set_status(tx, call.model, tag, word, info))


@uniter.method("SetUnitStatus")
async def set_unit_status(call: Call) -> dict[str, Any]:
    """Notes the workload's status."""

    def write(tx: Tx, tag: str, word: str, info: str) -> None:
        applications.set_workload_status(tx, call.model, entity(tag, "unit"), word, info)

    return await note(call, write)
