"""``Application``: applications, units and relations come and go."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from jujulab_controller import charms
from jujulab_controller.auth import Access
from jujulab_controller.errors import bad_request
from jujulab_controller.facades.bulk import each
from jujulab_controller.placement import add_units, default_arch, default_series
from jujulab_controller.rpc.call import Call, entity, items, mapping, number, text
from jujulab_controller.rpc.registry import Where, facade
from jujulab_controller.state import applications, models
from jujulab_controller.state.store import Tx

application = facade("Application", Where.MODEL)

MAX_UNITS = 1000


@application.method("Deploy", Access.WRITE)
async def deploy(call: Call) -> dict[str, Any]:
    """Deploys applications with their units."""

    async def one(item: dict[str, Any]) -> dict[str, Any]:
        name, url = text(item, "application"), text(item, "charm-url")
        wanted = charms.series_wanted(text(item, "series"), mapping(mapping(item, "charm-origin"), "base"))
        subordinate = item.get("subordinate") is True
        count = 0 if subordinate else _count(item)
        placement, config = items(item, "placement"), mapping(item, "config")
        origin, constraints = mapping(item, "charm-origin"), mapping(item, "constraints")
        channel = text(item, "channel") or charms.channel_of(origin)
        revision = number(origin, "revision", charms.LATEST)

        def write(tx: Tx) -> None:
            models.check_blocks(tx.db, call.model, "change")
            series = wanted or default_series(tx.db, call.model)
            arch = default_arch(tx.db, call.model)
            charm = charms.parse(url, call.services.version, series, arch, revision)
            applications.deploy(
                tx,
                call.model,
                name or charm.name,
                charm,
                series,
                subordinate=subordinate,
                config=config,
                constraints=constraints,
                channel=channel,
            )
            if count:
                add_units(tx, call.model, name or charm.name, count, placement)

        await call.services.store.write(write)
        return {}

    return await each(call.items("applications"), one)


@application.method("AddUnits", Access.WRITE)
async def add_units_(call: Call) -> dict[str, Any]:
    """Adds units to an application."""
    name, count, placement = call.text("application"), _count(call.params), call.items("placement")

    def write(tx: Tx) -> list[str]:
        models.check_blocks(tx.db, call.model, "change")
        return add_units(tx, call.model, name, count, placement)

    return {"units": await call.services.store.write(write)}


@application.method("Expose", Access.WRITE)
async def expose(call: Call) -> dict[str, Any]:
    """Says that an application may be reached from everywhere; in a lab all of them may."""
    return await _set_exposed(call, exposed=True)


@application.method("Unexpose", Access.WRITE)
async def unexpose(call: Call) -> dict[str, Any]:
    """Takes that back."""
    return await _set_exposed(call, exposed=False)


async def _set_exposed(call: Call, *, exposed: bool) -> dict[str, Any]:
    name = call.text("application")

    def write(tx: Tx) -> None:
        models.check_blocks(tx.db, call.model, "change")
        applications.set_exposed(tx, call.model, name, exposed=exposed)

    await call.services.store.write(write)
    return {}


@application.method("AddRelation", Access.WRITE)
async def add_relation(call: Call) -> dict[str, Any]:
    """Relates two applications; a subordinate is put beside each unit of its principal."""
    ends = [end.split(":")[0] for end in call.texts("endpoints")]
    if len(ends) != 2:
        raise bad_request("a relation needs two endpoints")

    def write(tx: Tx) -> dict[str, Any]:
        models.check_blocks(tx.db, call.model, "change")
        relation = applications.relate(tx, call.model, ends[0], ends[1])
        return {
            "endpoints": {
                end["application"]: charms.endpoint(end, relation.interface, relation.scope)
                for end in json.loads(relation.endpoints)
            }
        }

    return await call.services.store.write(write)


@application.method("DestroyRelation", Access.WRITE)
async def destroy_relation(call: Call) -> dict[str, Any]:
    """Removes the relation of two applications."""
    ends = call.texts("endpoints")
    if len(ends) != 2:
        raise bad_request("a relation needs two endpoints")

    def write(tx: Tx) -> None:
        models.check_blocks(tx.db, call.model, "remove")
        applications.unrelate(tx, call.model, ends)

    await call.services.store.write(write)
    return {}


@application.method("DestroyUnit", Access.WRITE)
async def destroy_unit(call: Call) -> dict[str, Any]:
    """Removes units."""
    return await _remove(call, "unit", applications.remove_unit)


@application.method("DestroyApplication", Access.WRITE)
async def destroy_application(call: Call) -> dict[str, Any]:
    """Removes applications with their units."""
    return await _remove(call, "application", applications.remove_application)


async def _remove(call: Call, kind: str, remove: Callable[[Tx, str, str], None]) -> dict[str, Any]:
    async def one(item: dict[str, Any]) -> dict[str, Any]:
        name = entity(text(item, f"{kind}-tag") or text(item, "tag"), kind)

        def write(tx: Tx) -> None:
            models.check_blocks(tx.db, call.model, "remove")
            remove(tx, call.model, name)

        await call.services.store.write(write)
        return {"info": {}}

    return await each(call.items(f"{kind}s") or call.items("entities"), one)


@application.method("DestroyUnits", Access.WRITE, until="3.0.0")
async def destroy_units(call: Call) -> dict[str, Any]:
    """Removes units, or none of them: the call of clients up to 2.9."""
    names = call.texts("unit-names")

    def write(tx: Tx) -> None:
        models.check_blocks(tx.db, call.model, "remove")
        for name in names:
            applications.remove_unit(tx, call.model, name)

    await call.services.store.write(write)
    return {}


@application.method("Destroy", Access.WRITE, until="3.0.0")
async def destroy(call: Call) -> dict[str, Any]:
    """Removes an application with its units: the call of clients up to 2.9."""
    name = call.text("application")

    def write(tx: Tx) -> None:
        models.check_blocks(tx.db, call.model, "remove")
        applications.remove_application(tx, call.model, name)

    await call.services.store.write(write)
    return {}


def _count(params: dict[str, Any]) -> int:
    count = number(params, "num-units")
    if not 0 <= count <= MAX_UNITS:
        raise bad_request(f"cannot add {count} units: from 0 to {MAX_UNITS} at once")
    return count
