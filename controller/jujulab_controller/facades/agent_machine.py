"""``Machiner`` and ``Deployer``: what machine agents say and ask."""

from __future__ import annotations

from typing import Any

from jujulab_controller.auth import hash_agent_password
from jujulab_controller.errors import bad_request, permission_denied
from jujulab_controller.facades.bulk import each
from jujulab_controller.facades.statuses import note
from jujulab_controller.rpc.call import Call, entity, items, text
from jujulab_controller.rpc.registry import Where, Who, facade
from jujulab_controller.services import LAB_ENDPOINT
from jujulab_controller.state import agents, applications, machines
from jujulab_controller.watchers import StringsWatcher

machiner = facade("Machiner", Where.MODEL, Who.MACHINE)
deployer = facade("Deployer", Where.MODEL, Who.MACHINE)

# Shorter ones could be guessed: an agent's password is hashed only once.
MIN_PASSWORD = 18


@machiner.method("SetStatus")
async def set_status(call: Call) -> dict[str, Any]:
    """Notes the machine agent's status."""
    return await note(call, lambda tx, tag, word, info: agents.set_status(tx, call.model, tag, word, info))


@machiner.method("SetMachineAddresses")
async def set_machine_addresses(call: Call) -> dict[str, Any]:
    """Notes where the machine can be reached."""

    async def one(item: dict[str, Any]) -> dict[str, Any]:
        machine_id = entity(call.own(text(item, "tag")), "machine")
        found = [
            text(address, "value") for address in items(item, "addresses") if address.get("scope") != "local-machine"
        ]
        await call.services.store.write(lambda tx: machines.set_addresses(tx, call.model, machine_id, found))
        return {}

    return await each(call.items("machine-addresses"), one)


@deployer.method("WatchUnits")
async def watch_units(call: Call) -> dict[str, Any]:
    """A watcher of the units on the machine; their names at the start come with it."""

    async def one(tag: str) -> dict[str, Any]:
        machine_id = entity(call.own(tag), "machine")
        # First listen, then look: nothing that happens between is missed.
        watcher = StringsWatcher(call.services, ("units-of", call.model, machine_id))
        name = call.session.add_watcher(watcher)
        units = await call.services.store.read(lambda db: applications.units_of_machine(db, call.model, machine_id))
        return {"watcher-id": name, "changes": [unit.name for unit in units]}

    return await each(call.tags(), one, {"watcher-id": ""})


@deployer.method("Life")
async def life(call: Call) -> dict[str, Any]:
    """Whether a unit lives; one that is not there, or not on this machine, is dead to it."""

    async def one(tag: str) -> dict[str, Any]:
        unit = await call.services.store.read(lambda db: applications.find_unit(db, call.model, entity(tag, "unit")))
        mine = unit is not None and unit.machine_id == call.identity.name
        return {"life": unit.life if unit is not None and mine else "dead"}

    return await each(call.tags(), one)


@deployer.method("SetPasswords")
async def set_passwords(call: Call) -> dict[str, Any]:
    """Sets the passwords of units on the caller's machine."""

    async def one(item: dict[str, Any]) -> dict[str, Any]:
        tag, password = text(item, "tag"), text(item, "password")
        unit = await call.services.store.read(lambda db: applications.find_unit(db, call.model, entity(tag, "unit")))
        if unit is None or unit.machine_id != call.identity.name:
            raise permission_denied()
        if len(password) < MIN_PASSWORD:
            raise bad_request(f"password is only {len(password)} bytes long, and is not a valid Agent password")
        hashed = hash_agent_password(password)
        await call.services.store.write(lambda tx: agents.set_password(tx, call.model, tag, hashed))
        return {}

    return await each(call.items("changes"), one)


@deployer.method("ConnectionInfo")
async def connection_info(_call: Call) -> dict[str, Any]:
    """Where units' agents reach the controller."""
    return {"api-addresses": [LAB_ENDPOINT], "state-addresses": []}
