"""Upgrades as the API tells of them: the record, and what its agents say now."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from sqlalchemy import Connection, Row

from jujulab_controller.internet import NoMetadataError
from jujulab_controller.services import Services
from jujulab_controller.state import agents, binaries, machines, models, upgrades
from jujulab_controller.state.machines import addresses_of
from jujulab_core.version import Binary, Number, binary_series

Json = dict[str, Any]
# Whoever looks at an upgrade waits no longer than this for the internet.
LOOK_SECONDS = 5.0


def header(db: Connection, upgrade: Row[Any]) -> Json:
    """An upgrade without its machines."""
    model = models.get(db, upgrade.model_uuid)
    return {
        "id": upgrade.id,
        "model-uuid": upgrade.model_uuid,
        "model-name": model.name,
        "is-controller": upgrade.model_uuid == models.the_controller(db).model_uuid,
        "from": upgrade.from_version,
        "to": upgrade.to_version,
        "status": upgrade.status,
        "reason": upgrade.reason,
        "started": upgrade.started,
        "finished": upgrade.finished,
        "requested-by": upgrade.requested_by,
        "options": json.loads(upgrade.options),
        "roll-back": bool(upgrade.roll_back),
        "accepted": json.loads(upgrade.accepted),
        "retries": json.loads(upgrade.retries),
        "waits-for": _waits_for(db, upgrade),
    }


def _waits_for(db: Connection, upgrade: Row[Any]) -> int | None:
    """The controller's own upgrade, while which no agent of another model is let in (section D.4)."""
    if upgrade.status in ("complete", "aborted"):
        return None
    return next((row.id for row in upgrades.of_controller(db) if row.model_uuid != upgrade.model_uuid), None)


async def whole(services: Services, rows: list[Row[Any]]) -> list[Json]:
    """Upgrades with their machines and agents."""
    found = await services.store.read(lambda db: [_with_machines(db, services, row) for row in rows])
    for upgrade in found:
        await _add_binaries(services, upgrade)
    return found


def _with_machines(db: Connection, services: Services, upgrade: Row[Any]) -> Json:
    model = upgrade.model_uuid
    reports = agents.of_model(db, model)
    by_machine: dict[str, list[Json]] = {}
    # A machine's agent is swapped before its units'.
    for row in sorted(upgrades.agents_of(db, upgrade.id), key=lambda row: (row.tag.startswith("unit-"), row.tag)):
        report = reports.get(row.tag)
        if report is not None:
            by_machine.setdefault(row.machine_id, []).append(_agent(services, model, row, report))
    hosts = {machine.id: machine for machine in machines.of_model(db, model)}
    return header(db, upgrade) | {
        "controller-since": services.started,
        "machines": [
            _machine(hosts[machine_id]) | {"agents": entries}
            for machine_id, entries in sorted(by_machine.items(), key=lambda item: int(item[0]))
            if machine_id in hosts
        ],
    }


def _machine(machine: Row[Any]) -> Json:
    return {
        "id": machine.id,
        "address": next(iter(addresses_of(machine)), ""),
        "instance-id": machine.instance_id,
        "host-key": machine.host_key,
        "series": machine.series,
        "arch": machine.arch,
    }


def _agent(services: Services, model: str, row: Row[Any], report: Row[Any]) -> Json:
    return {
        "tag": row.tag,
        "phase": row.phase,
        "reason": row.reason,
        "since": row.since,
        "deadline": row.deadline,
        "version": report.version,
        "connected": services.presence.is_connected(model, row.tag),
        "connected-since": services.presence.since(model, row.tag),
        "spoken": services.presence.has_spoken(model, row.tag),
        "logins": report.logins,
        "logins-before": row.logins_before,
        "version-before": row.version_before,
        "status": report.status,
        "message": report.message,
        "staged": str(Binary.parse(report.staged).number) if report.staged else "",
        "stage-state": report.stage_state,
        "stage-reason": report.stage_reason,
    }


async def _add_binaries(services: Services, upgrade: Json) -> None:
    """Adds to each agent which binary it shall run and where that is."""
    model, to = upgrade["model-uuid"], Number.parse(upgrade["to"])
    known: dict[str, Json] = {}
    for machine in upgrade["machines"]:
        version = Binary(to, binary_series(to, machine["series"]), machine["arch"])
        if str(version) not in known:
            known[str(version)] = await _describe_soon(services, model, version)
        for agent in machine["agents"]:
            agent |= known[str(version)]
        machine["before"] = await _way_back(services, upgrade, machine)


async def _way_back(services: Services, upgrade: Json, machine: Json) -> Json | None:
    """The binary that a machine goes back to, for one that does: it may have lost it."""
    first = machine["agents"][0]
    if first["phase"] != "rolling-back":
        return None
    old = Number.parse(first["version-before"] or first["version"] or upgrade["from"])
    version = Binary(old, binary_series(old, machine["series"]), machine["arch"])
    return await _describe_soon(services, upgrade["model-uuid"], version)


async def _describe_soon(services: Services, model: str, version: Binary) -> Json:
    """Like :func:`describe`, but an internet that is slow or gone costs only the binary's hash and size."""
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            return await describe(services, model, version)
    except (NoMetadataError, TimeoutError):
        return _description(services, model, version, "", 0)


async def describe(services: Services, model: str, version: Binary, stream: str = "") -> Json:
    """A binary's ``binary``, ``url``, ``sha256`` and ``size``; the last two empty when nobody offers it.

    Raises:
        NoMetadataError: It is not in the cache, and the internet cannot be asked.
    """
    row = await services.store.read(lambda db: binaries.find(db, model, str(version)))
    if row is not None:
        return _description(services, model, version, row.sha256, row.size)
    offer = await services.binaries.offer(model, version, stream)
    if offer is None:
        return _description(services, model, version, "", 0)
    return _description(services, model, version, offer.item.sha256, offer.item.size)


def _description(services: Services, model: str, version: Binary, sha256: str, size: int) -> Json:
    return {
        "binary": str(version),
        "url": services.tools_url(model, version),
        "sha256": sha256,
        "size": size,
    }
