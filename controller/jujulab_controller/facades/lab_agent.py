"""``LabAgent``, ours: staging, log lines, and what a unit's workload needs."""

from __future__ import annotations

from typing import Any

from jujulab_controller import clock
from jujulab_controller.errors import bad_request, permission_denied
from jujulab_controller.logsink import LEVELS, Line
from jujulab_controller.rpc.call import Call, entity, text
from jujulab_controller.rpc.registry import Where, Who, facade
from jujulab_controller.state import agents, applications
from jujulab_core.tags import machine_tag
from jujulab_core.version import Binary

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
