"""``Upgrader``: agents say what they run and ask what they shall run."""

from __future__ import annotations

from typing import Any

from jujulab_controller.errors import NOT_FOUND
from jujulab_controller.facades.bulk import each
from jujulab_controller.hub import Topic
from jujulab_controller.rpc.call import Call, mapping, text
from jujulab_controller.rpc.registry import Where, Who, facade
from jujulab_controller.state import agents, machines, models
from jujulab_controller.upgrade_view import describe
from jujulab_controller.watchers import NotifyWatcher
from jujulab_core.errors import RpcError
from jujulab_core.tags import machine_tag
from jujulab_core.version import Binary, Number, binary_series

upgrader = facade("Upgrader", Where.MODEL, Who.AGENT)


@upgrader.method("SetTools")
async def set_tools(call: Call) -> dict[str, Any]:
    """Notes the binary that the caller runs."""

    async def one(item: dict[str, Any]) -> dict[str, Any]:
        tag = call.own(text(item, "tag"))
        binary = Binary.parse(text(mapping(item, "tools"), "version"))
        await call.services.store.write(lambda tx: agents.report_version(tx, call.model, tag, binary))
        return {}

    return await each(call.items("agent-tools"), one)


@upgrader.method("DesiredVersion")
async def desired_version(call: Call) -> dict[str, Any]:
    """The version that the caller shall run."""

    async def one(tag: str) -> dict[str, Any]:
        return {"version": str(await _desired(call, call.own(tag)))}

    return await each(call.tags(), one)


@upgrader.method("Tools")
async def tools(call: Call) -> dict[str, Any]:
    """Where the caller gets the binary that it shall run."""

    async def one(tag: str) -> dict[str, Any]:
        number = await _desired(call, call.own(tag))
        agent = await call.services.store.read(lambda db: agents.get(db, call.model, tag))
        machine = await call.services.store.read(lambda db: machines.get(db, call.model, agent.machine_id))
        binary = Binary(number, binary_series(number, machine.series), machine.arch)
        found = await describe(call.services, call.model, binary)
        if not found["sha256"]:
            raise RpcError("no matching agent binaries available", NOT_FOUND)
        return {
            "tools": [
                {
                    "version": found["binary"],
                    "url": found["url"],
                    "sha256": found["sha256"],
                    "size": found["size"],
                }
            ]
        }

    return await each(call.tags(), one, {"tools": []})


@upgrader.method("WatchAPIVersion")
async def watch_api_version(call: Call) -> dict[str, Any]:
    """A watcher that fires when the caller may have to run something else."""

    async def one(tag: str) -> dict[str, Any]:
        call.own(tag)
        topic: Topic = ("model-version", call.model)
        if call.identity.kind == "unit":
            agent = await call.services.store.read(lambda db: agents.get(db, call.model, tag))
            topic = ("agent-version", call.model, machine_tag(agent.machine_id))
        watcher = NotifyWatcher(call.services, topic)
        return {"NotifyWatcherId": call.session.add_watcher(watcher)}

    return await each(call.tags(), one, {"NotifyWatcherId": ""})


async def _desired(call: Call, tag: str) -> Number:
    """The Juju upgrade specification, section G.1, step 3: controllers first, units follow their machines."""
    services = call.services
    agent = await services.store.read(lambda db: agents.get(db, call.model, tag))
    if call.identity.kind == "unit":
        host = await services.store.read(lambda db: agents.get(db, call.model, machine_tag(agent.machine_id)))
        if not host.version:
            raise RpcError(f"agent binaries for {host.tag} not found", NOT_FOUND)
        return Number.parse(host.version)
    model = await services.store.read(lambda db: models.get(db, call.model))
    wanted = Number.parse(model.agent_version)
    machine = await services.store.read(lambda db: machines.get(db, call.model, agent.machine_id))
    return wanted if machine.manager else min(wanted, services.version)
