"""``SSHClient``: where machines and units are, and by which host keys to know them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row

from jujulab_controller.auth import Access
from jujulab_controller.errors import NOT_FOUND
from jujulab_controller.facades.bulk import each
from jujulab_controller.rpc.call import Call, entity
from jujulab_controller.rpc.registry import Where, facade
from jujulab_controller.state import applications, machines
from jujulab_controller.state.machines import addresses_of
from jujulab_core.errors import RpcError

ssh_client = facade("SSHClient", Where.MODEL)


async def _machine(call: Call, tag: str) -> Row[Any]:
    def read(db: Connection) -> Row[Any]:
        if tag.startswith("unit-"):
            return machines.get(db, call.model, applications.get_unit(db, call.model, entity(tag, "unit")).machine_id)
        return machines.get(db, call.model, entity(tag, "machine"))

    return await call.services.store.read(read)


async def _address(call: Call) -> dict[str, Any]:
    """The preferred address of each of some machines or units."""

    async def one(tag: str) -> dict[str, Any]:
        addresses = addresses_of(await _machine(call, tag))
        if not addresses:
            raise RpcError(f"no address(es) of {tag} known yet", NOT_FOUND)
        return {"address": addresses[0]}

    return await each(call.tags(), one)


ssh_client.method("PublicAddress", Access.ADMIN)(_address)
ssh_client.method("PrivateAddress", Access.ADMIN)(_address)


@ssh_client.method("AllAddresses", Access.ADMIN)
async def all_addresses(call: Call) -> dict[str, Any]:
    """All addresses of some machines or units."""

    async def one(tag: str) -> dict[str, Any]:
        return {"addresses": addresses_of(await _machine(call, tag))}

    return await each(call.tags(), one, {"addresses": []})


@ssh_client.method("PublicKeys", Access.ADMIN)
async def public_keys(call: Call) -> dict[str, Any]:
    """The SSH host keys of some machines or units, as the lab made them."""

    async def one(tag: str) -> dict[str, Any]:
        machine = await _machine(call, tag)
        return {"public-keys": [machine.host_key] if machine.host_key else []}

    return await each(call.tags(), one)


@ssh_client.method("Proxy", Access.ADMIN)
async def proxy(_call: Call) -> dict[str, Any]:
    """Whether SSH goes through the controller: never."""
    return {"use-proxy": False}
