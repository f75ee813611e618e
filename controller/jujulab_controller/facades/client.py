"""``Client``: status, history, and the watcher of a whole model."""

from __future__ import annotations

from typing import Any

from jujulab_controller import clock
from jujulab_controller.auth import Access
from jujulab_controller.errors import bad_request
from jujulab_controller.facades.bulk import each
from jujulab_controller.facades.machine_manager import add_machines, destroy_machines
from jujulab_controller.facades.model_config import get_constraints, set_constraints
from jujulab_controller.model_info import info_for
from jujulab_controller.rpc.call import Call, mapping, number, text, texts
from jujulab_controller.rpc.registry import Where, facade
from jujulab_controller.state import agents, snapshot
from jujulab_controller.status import StatusBuilder, status
from jujulab_controller.watchers import AllWatcher

client = facade("Client", Where.MODEL)
client.method("GetModelConstraints", Access.READ, until="3.0.0")(get_constraints)
client.method("SetModelConstraints", Access.WRITE, until="3.0.0")(set_constraints)
client.method("AddMachines", Access.WRITE, until="3.0.0")(add_machines)
client.method("AddMachinesV2", Access.WRITE, until="3.0.0")(add_machines)
client.method("DestroyMachines", Access.WRITE, until="3.0.0")(destroy_machines)

# What `show-status-log --type` names, and what each of them shows.
_HISTORY_KINDS = {
    "unit": {"juju-unit", "workload"},
    "juju-unit": {"juju-unit"},
    "workload": {"workload"},
    "machine": {"juju-machine"},
    "juju-machine": {"juju-machine"},
}
_DEFAULT_LINES = 20


@client.method("FullStatus", Access.READ)
async def full_status(call: Call) -> dict[str, Any]:
    """The whole model, or what the patterns match."""
    patterns = call.texts("patterns")
    rows = await call.services.store.read(lambda db: snapshot.load(db, call.model))
    builder = StatusBuilder(rows, call.services.is_lost(call.model))
    answer = builder.full(patterns, include_storage=call.flag("include-storage"))
    if mode := call.services.migrations.mode(call.model):
        # Juju's beginning of what it says of a migration; how far this one is, is for ever the same.
        answer["model"]["model-status"] |= {"status": "busy", "info": f"migrating: {mode}"}
    return answer | {"controller-timestamp": clock.now()}


@client.method("WatchAll", Access.READ)
async def watch_all(call: Call) -> dict[str, Any]:
    """A watcher of everything in the model, for ``AllWatcher``."""
    return {"watcher-id": call.session.add_watcher(AllWatcher(call.services, call.model))}


@client.method("AgentVersion", Access.READ, until="3.0.0")
async def agent_version(call: Call) -> dict[str, Any]:
    """The version that the API server runs."""
    return {"version": str(call.services.version)}


@client.method("ModelInfo", Access.READ, until="3.0.0")
async def model_info(call: Call) -> dict[str, Any]:
    """What ``ModelManager.ModelInfo`` says of the connection's model."""
    services = call.services
    name = call.identity.name
    return await services.store.read(lambda db: info_for(db, name, call.model, services.is_lost(call.model)))


@client.method("StatusHistory", Access.READ)
async def status_history(call: Call) -> dict[str, Any]:
    """The newest changes of an entity's status."""

    async def one(item: dict[str, Any]) -> dict[str, Any]:
        kind, tag = text(item, "historyKind"), text(item, "tag")
        if kind not in _HISTORY_KINDS:
            raise bad_request(f'invalid status history kind "{kind}"')
        size, since, exclude = _filter(mapping(item, "filter"))
        await call.services.store.read(lambda db: agents.get(db, call.model, tag))
        rows = await call.services.store.read(
            lambda db: agents.history(db, call.model, tag, _HISTORY_KINDS[kind], size, since, exclude)
        )
        lines = [status(row.status, row.message, row.since, kind=row.kind) for row in rows]
        return {"history": {"statuses": lines}}

    return await each(call.items("requests"), one)


def _filter(wanted: dict[str, Any]) -> tuple[int, str, list[str]]:
    """How many lines, from when on, and without which messages; a time stands in for a number of lines."""
    since = text(wanted, "date")
    try:
        stamp = clock.stamp(clock.parse(since)) if since else ""
    except ValueError as error:
        raise bad_request(f'invalid status history date "{since}"') from error
    exclude = texts(wanted, "exclude")
    size = number(wanted, "size", 0) or (agents.HISTORY_LINES if since else _DEFAULT_LINES)
    return size, stamp, exclude
