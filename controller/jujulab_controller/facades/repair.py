"""The parts of ``Application`` and ``MachineManager`` that send something broken on its way again."""

from __future__ import annotations

from typing import Any

from jujulab_controller.auth import Access
from jujulab_controller.facades.application import application
from jujulab_controller.facades.bulk import each
from jujulab_controller.facades.machine_manager import machine_manager
from jujulab_controller.rpc.call import Call, entity, items, text
from jujulab_controller.state import agents, applications, models
from jujulab_controller.state.store import Tx
from jujulab_core.errors import RpcError
from jujulab_core.tags import machine_tag, unit_tag


@application.method("ResolveUnitErrors", Access.WRITE)
async def resolve_unit_errors(call: Call) -> dict[str, Any]:
    """Marks the errors of units as resolved; with ``all`` those of every unit that has one."""
    tags = [text(item, "tag") for item in items(call.mapping("tags"), "entities")]
    if call.flag("all"):
        units = await call.services.store.read(lambda db: applications.units_of_model(db, call.model))
        tags = [unit_tag(unit.name) for unit in units if unit.workload_status == "error"]

    async def one(tag: str) -> dict[str, Any]:
        name = entity(tag, "unit")

        def write(tx: Tx) -> None:
            models.check_blocks(tx.db, call.model, "change")
            if applications.get_unit(tx.db, call.model, name).workload_status != "error":
                raise RpcError(f'unit "{name}" is not in an error state')
            applications.set_workload_status(tx, call.model, name, "active", "")

        await call.services.store.write(write)
        return {}

    return await each(tags, one)


@machine_manager.method("RetryProvisioning", Access.WRITE)
async def retry_provisioning(call: Call) -> dict[str, Any]:
    """Asks once more for the machines whose agents never came up; with ``all`` for all of those."""
    tags = call.texts("machines")
    if call.flag("all"):
        found = await call.services.store.read(lambda db: agents.of_model(db, call.model))
        tags = [tag for tag, agent in found.items() if tag.startswith("machine-") and not agent.logins]

    async def one(tag: str) -> dict[str, Any]:
        machine_id = entity(tag, "machine")

        def write(tx: Tx) -> None:
            models.check_blocks(tx.db, call.model, "change")
            if agents.get(tx.db, call.model, machine_tag(machine_id)).logins:
                raise RpcError(f'"machine {machine_id}" is not in an error state')
            tx.notify("provision")

        await call.services.store.write(write)
        return {}

    return await each(tags, one)
