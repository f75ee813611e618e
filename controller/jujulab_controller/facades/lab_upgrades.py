"""``LabUpgrades``, ours: users look at the records of upgrades and decide about those under way."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import Connection, Row

from jujulab_controller import upgrade_control, upgrade_requests
from jujulab_controller.auth import Access
from jujulab_controller.errors import bad_request, permission_denied
from jujulab_controller.rpc.call import Call, entity, number
from jujulab_controller.rpc.registry import Where, facade
from jujulab_controller.state import quarantine, upgrade_events, upgrades, users
from jujulab_controller.upgrade_view import header, whole
from jujulab_controller.watchers import NotifyWatcher
from jujulab_core.rules.control import ACTIONS, Action
from jujulab_core.version import Number

lab_upgrades = facade("LabUpgrades", Where.CONTROLLER)


@lab_upgrades.method("List")
async def list_(call: Call) -> dict[str, Any]:
    """The upgrades of one model or of all that the user may see, newest first."""
    tag = call.text("model-tag")
    uuid = entity(tag, "model") if tag else None
    name = call.identity.name

    def read(db: Connection) -> list[dict[str, Any]]:
        phases = upgrades.phases_of_machines(db)
        return [
            header(db, row) | {"phases": phases.get(row.id, {})}
            for row in upgrades.of_model(db, uuid)
            if users.access(db, name, row.model_uuid) >= Access.READ
        ]

    return {"upgrades": await call.services.store.read(read)}


@lab_upgrades.method("Get")
async def get(call: Call) -> dict[str, Any]:
    """One upgrade with all its agents."""
    row = await _readable(call)
    return (await whole(call.services, [row]))[0]


@lab_upgrades.method("Watch")
async def watch(call: Call) -> dict[str, Any]:
    """A watcher of one upgrade and its agents."""
    row = await _readable(call)
    watcher = NotifyWatcher(call.services, ("upgrade", str(row.id)), ("agent", row.model_uuid))
    return {"watcher-id": call.session.add_watcher(watcher)}


@lab_upgrades.method("Control")
async def control(call: Call) -> dict[str, Any]:
    """Pauses, resumes, aborts, rolls back or retries an upgrade; answers with it as it is then, and ``changed``."""
    action = call.text("action")
    if action not in ACTIONS:
        raise bad_request(f'unknown action "{action}" on an upgrade: use one of {", ".join(ACTIONS)}')
    row, changed = await upgrade_control.act(
        call.services, call.identity, number(call.params, "id"), cast(Action, action), call.texts("machines")
    )
    return (await whole(call.services, [row]))[0] | {"changed": changed}


@lab_upgrades.method("Quarantine")
async def quarantine_(call: Call) -> dict[str, Any]:
    """The versions that a model was rolled back from, and why."""
    uuid, name = entity(call.text("model-tag"), "model"), call.identity.name

    def read(db: Connection) -> list[dict[str, Any]]:
        if users.access(db, name, uuid) < Access.READ:
            raise permission_denied()
        return [
            {"version": version, "since": row.since, "by": row.done_by, "reason": row.reason}
            for version, row in quarantine.of_model(db, uuid).items()
        ]

    return {"versions": await call.services.store.read(read)}


@lab_upgrades.method("LiftQuarantine")
async def lift_quarantine(call: Call) -> dict[str, Any]:
    """Lets a model have a version again that it was rolled back from."""
    uuid, version = entity(call.text("model-tag"), "model"), str(Number.parse(call.text("version")))
    await upgrade_control.lift_quarantine(call.services, call.identity, uuid, version)
    return {}


@lab_upgrades.method("MissingBinaries")
async def missing_binaries(call: Call) -> dict[str, Any]:
    """Why a version would be refused to a model for want of binaries; an empty reason where it would not be."""
    uuid, name = entity(call.text("model-tag"), "model"), call.identity.name
    if await call.services.store.read(lambda db: users.access(db, name, uuid)) < Access.READ:
        raise permission_denied()
    refusal = await upgrade_requests.missing(
        call.services, uuid, Number.parse(call.text("version")), call.text("agent-stream")
    )
    return {"reason": refusal.message if refusal else ""}


@lab_upgrades.method("Events")
async def events(call: Call) -> dict[str, Any]:
    """The history of one upgrade or of all that the user may see, behind a number, oldest first."""
    upgrade_id = number(call.params, "id") or None
    if upgrade_id is not None:
        await _readable(call)
    name, seq = call.identity.name, number(call.params, "after")

    def read(db: Connection) -> list[dict[str, Any]]:
        seen = [uuid for uuid in upgrade_events.models(db) if users.access(db, name, uuid) >= Access.READ]
        return [_event(event) for event in upgrade_events.after(db, seq, seen, upgrade_id)]

    return {"events": await call.services.store.read(read)}


def _event(event: Row[Any]) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "time": event.time,
        "upgrade": event.upgrade_id,
        "model": event.model_uuid,
        "tag": event.tag,
        "phase": event.phase,
        "reason": event.reason,
        "status": event.status,
        "by": event.done_by,
    }


async def _readable(call: Call) -> Row[Any]:
    upgrade_id = number(call.params, "id")
    name = call.identity.name

    def read(db: Connection) -> Row[Any]:
        row = upgrades.get(db, upgrade_id)
        if users.access(db, name, row.model_uuid) < Access.READ:
            raise permission_denied()
        return row

    return await call.services.store.read(read)
