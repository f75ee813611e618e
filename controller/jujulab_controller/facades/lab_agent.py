"""``LabAgent``, ours: staging, log lines, and what a unit's workload needs."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row

from jujulab_controller import clock, upgrade_control
from jujulab_controller.errors import bad_request, permission_denied
from jujulab_controller.logsink import LEVELS, Line
from jujulab_controller.rpc.call import Call, entity, text
from jujulab_controller.rpc.registry import Where, Who, facade
from jujulab_controller.state import agents, applications, machines, models
from jujulab_controller.state.store import Tx
from jujulab_core.tags import machine_tag
from jujulab_core.version import Binary, Number

lab_agent = facade("LabAgent", Where.MODEL, Who.AGENT)

STAGE_STATES = ("staging", "staged", "failed")
MAX_LINE_CHARS = 16_384


@lab_agent.method("Stage")
async def stage(call: Call) -> dict[str, Any]:
    """Notes how far a machine is with getting a new binary; a machine also speaks for its units."""
    tag, state, reason = call.text("tag"), call.text("state"), call.text("reason")
    version = str(Binary.parse(call.text("version")))
    if state not in STAGE_STATES:
        raise bad_request(f'unknown stage state "{state}"')
    agent = await call.services.store.read(lambda db: agents.find(db, call.model, tag))
    if agent is None or call.identity.tag not in (tag, machine_tag(agent.machine_id)):
        raise permission_denied()
    await call.services.store.write(lambda tx: agents.set_stage(tx, call.model, tag, version, state, reason))
    return {}


@lab_agent.method("Controllers")
async def controllers(call: Call) -> dict[str, Any]:
    """How the controllers' upgrade to a version stands, for one that takes part (section K).

    Returns:
        ``alone``, ``primary`` (whether the caller leads), ``behind`` (whose agents do not report that version),
        ``database-done`` and ``primary-done`` (whether the leader has upgraded the database, and itself).
    """
    version = Number.parse(call.text("version"))

    def read(db: Connection) -> dict[str, Any]:
        own, every = _controller(db, call), machines.members(db)
        mine = models.the_controller(db)
        reported = agents.of_model(db, call.model)
        return {
            "alone": len(every) == 1,
            "primary": own.id == mine.primary_machine,
            "behind": [machine.id for machine in every if reported[machine_tag(machine.id)].version != str(version)],
            "database-done": mine.database_upgraded_to == str(version),
            "primary-done": mine.primary_upgraded_to == str(version),
        }

    return await call.services.store.read(read)


@lab_agent.method("PrimaryDone")
async def primary_done(call: Call) -> dict[str, Any]:
    """Notes that the leader has upgraded the database, or itself, so that the others follow."""
    version, what = str(Number.parse(call.text("version"))), call.text("what")
    if what not in ("database", "primary"):
        raise bad_request(f'unknown part "{what}" of an upgrade')

    def write(tx: Tx) -> None:
        _controller(tx.db, call)
        models.update_controller(tx, **{f"{what}_upgraded_to": version})

    await call.services.store.write(write)
    return {}


@lab_agent.method("ControllersMissing")
async def controllers_missing(call: Call) -> dict[str, Any]:
    """Gives the controllers' upgrade up, as others did not come to it in time: see :mod:`upgrade_control`."""
    version = Number.parse(call.text("version"))
    await call.services.store.read(lambda db: _controller(db, call))
    await upgrade_control.give_up_controllers(call.services, call.identity, version, call.text("reason"))
    return {}


def _controller(db: Connection, call: Call) -> Row[Any]:
    """The caller's machine, which must be a controller."""
    machine = machines.get(db, call.model, call.identity.name) if call.identity.kind == "machine" else None
    if machine is None or not machine.manager:
        raise permission_denied()
    return machine


@lab_agent.method("Log")
async def log(call: Call) -> dict[str, Any]:
    """Takes lines for ``debug-log``."""
    lines = []
    for item in call.items("entries"):
        level = text(item, "level", "INFO").upper()
        lines.append(
            Line(
                call.model,
                call.identity.tag,
                text(item, "ts") or clock.now(),
                level if level in LEVELS else "INFO",
                text(item, "module"),
                text(item, "location"),
                text(item, "message")[:MAX_LINE_CHARS],
            )
        )
    call.services.logs.add(lines)
    return {}


@lab_agent.method("UnitConfig")
async def unit_config(call: Call) -> dict[str, Any]:
    """What the workload of a unit needs; asked by the unit or its machine."""
    name = entity(call.text("tag"), "unit")
    unit = await call.services.store.read(lambda db: applications.find_unit(db, call.model, name))
    if unit is None or call.identity.tag not in (call.text("tag"), machine_tag(unit.machine_id)):
        raise permission_denied()
    app = await call.services.store.read(lambda db: applications.get(db, call.model, unit.application))
    return {
        "application": app.name,
        "charm": app.charm_url,
        "series": app.series,
        "port": unit.port,
        "workload-version": app.workload_version,
    }
