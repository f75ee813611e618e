"""``MachineManager``: machines come and go."""

from __future__ import annotations

from typing import Any

from jujulab_controller.auth import Access
from jujulab_controller.charms import series_wanted
from jujulab_controller.errors import bad_request, entry
from jujulab_controller.facades.bulk import each
from jujulab_controller.placement import add_machine, check_new_machine, default_series
from jujulab_controller.rpc.call import Call, entity, mapping, text
from jujulab_controller.rpc.registry import Where, facade
from jujulab_controller.state import applications, machines, models
from jujulab_controller.state.store import Tx
from jujulab_core.errors import JujulabError, RpcError
from jujulab_core.simplestreams import SERIES_NUMBERS
from jujulab_core.tags import unit_tag

machine_manager = facade("MachineManager", Where.MODEL)


@machine_manager.method("AddMachines", Access.WRITE)
async def add_machines(call: Call) -> dict[str, Any]:
    """Adds machines; the lab makes their containers."""
    added = []
    for item in call.items("params"):
        try:
            added.append(await _add(call, item))
        except JujulabError as error:
            added.append({"machine": ""} | entry(error))
    return {"machines": added}


@machine_manager.method("DestroyMachineWithParams", Access.WRITE)
async def destroy_machine_with_params(call: Call) -> dict[str, Any]:
    """Removes machines; with ``force`` also such that have units."""
    force = call.flag("force")

    async def one(tag: str) -> dict[str, Any]:
        machine_id = entity(tag, "machine")

        units = await call.services.store.write(lambda tx: _remove(tx, call, machine_id, force=force))
        _retire(call, machine_id)
        return {"info": {"machine-id": machine_id, "destroyed-units": [{"tag": unit_tag(name)} for name in units]}}

    return await each(call.texts("machine-tags"), one)


async def destroy_machines(call: Call) -> dict[str, Any]:
    """Removes machines, or none of them: the call of clients up to 2.9."""
    names, force = call.texts("machine-names"), call.flag("force")

    def write(tx: Tx) -> None:
        for name in names:
            _remove(tx, call, name, force=force)

    await call.services.store.write(write)
    for name in names:
        _retire(call, name)
    return {}


def _retire(call: Call, machine_id: str) -> None:
    """Has the controller on a machine that was removed lead no more."""
    if call.model == call.services.controller_model:
        call.services.retire(machine_id)


def _remove(tx: Tx, call: Call, machine_id: str, *, force: bool) -> list[str]:
    """Removes a machine; returns the units that went with it."""
    models.check_blocks(tx.db, call.model, "remove")
    machine = machines.get(tx.db, call.model, machine_id)
    if machine.manager and len(machines.controllers(tx.db)) == 1:
        raise RpcError(f"machine {machine_id} is required by the model")
    units = [unit.name for unit in applications.units_of_machine(tx.db, call.model, machine_id)]
    if units and not force:
        names = ", ".join(f'"{name}"' for name in units)
        raise RpcError(
            f"machine {machine_id} has unit{'s' if len(units) > 1 else ''} {names} assigned",
            "machine has assigned units",
        )
    for name in units:
        if applications.find_unit(tx.db, call.model, name) is not None:
            applications.remove_unit(tx, call.model, name)
    machines.remove(tx, call.model, machine_id)
    return units


async def _add(call: Call, item: dict[str, Any]) -> dict[str, Any]:
    series = series_wanted(text(item, "series"), mapping(item, "base"))
    if item.get("parent-id") or item.get("container-type"):
        raise bad_request("the lab has no containers in machines: add a machine instead")
    check_new_machine(mapping(item, "placement"))
    constraints = mapping(item, "constraints")

    def write(tx: Tx) -> str:
        models.check_blocks(tx.db, call.model, "change")
        wanted = series or default_series(tx.db, call.model)
        if wanted not in SERIES_NUMBERS:
            raise bad_request(f'unknown series "{wanted}"')
        return add_machine(tx, call.model, wanted, constraints)

    return {"machine": await call.services.store.write(write)}
