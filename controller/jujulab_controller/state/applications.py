"""Applications, their units, and the relations that attach subordinates."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from jujulab_controller import charms, clock
from jujulab_controller.charms import Charm
from jujulab_controller.errors import ALREADY_EXISTS, BAD_REQUEST, not_found
from jujulab_controller.state import agents, machines, models, upgrades
from jujulab_controller.state.schema import applications, relations, units
from jujulab_controller.state.store import Tx
from jujulab_core.errors import RpcError
from jujulab_core.tags import APPLICATION_RE, unit_tag

# Every unit's workload listens on a port of its own; the first one of a machine gets this.
FIRST_PORT = 8080
_SUBORDINATE_INTERFACE = "juju-info"


def get(db: Connection, model_uuid: str, name: str) -> Row[Any]:
    """One application.

    Raises:
        RpcError: ``application "x" not found``.
    """
    application = db.execute(
        select(applications).where(applications.c.model_uuid == model_uuid, applications.c.name == name)
    ).one_or_none()
    if application is None:
        raise not_found("application", name)
    return application


def set_config(tx: Tx, model_uuid: str, name: str, config: dict[str, Any]) -> None:
    """Replaces the settings of an application."""
    same = (applications.c.model_uuid == model_uuid, applications.c.name == name)
    tx.db.execute(update(applications).where(*same).values(config=json.dumps(config)))
    tx.notify("application", model_uuid, name)


def set_exposed(tx: Tx, model_uuid: str, name: str, *, exposed: bool) -> None:
    """Notes whether an application may be reached from everywhere.

    Raises:
        RpcError: No such application.
    """
    get(tx.db, model_uuid, name)
    same = (applications.c.model_uuid == model_uuid, applications.c.name == name)
    tx.db.execute(update(applications).where(*same).values(exposed=int(exposed)))
    tx.notify("application", model_uuid, name)


def of_model(db: Connection, model_uuid: str) -> list[Row[Any]]:
    """The applications of a model, by name."""
    return list(
        db.execute(select(applications).where(applications.c.model_uuid == model_uuid).order_by(applications.c.name))
    )


def units_of_model(db: Connection, model_uuid: str) -> list[Row[Any]]:
    """The units of a model, by application and number."""
    return list(
        db.execute(select(units).where(units.c.model_uuid == model_uuid).order_by(units.c.application, units.c.number))
    )


def units_of_machine(db: Connection, model_uuid: str, machine_id: str) -> list[Row[Any]]:
    """The units on a machine, subordinates included."""
    return list(
        db.execute(
            select(units)
            .where(units.c.model_uuid == model_uuid, units.c.machine_id == machine_id)
            .order_by(units.c.application, units.c.number)
        )
    )


def relations_of_model(db: Connection, model_uuid: str) -> list[Row[Any]]:
    """The relations of a model, by id."""
    return list(db.execute(select(relations).where(relations.c.model_uuid == model_uuid).order_by(relations.c.id)))


def find_unit(db: Connection, model_uuid: str, name: str) -> Row[Any] | None:
    """One unit, or None."""
    return db.execute(select(units).where(units.c.model_uuid == model_uuid, units.c.name == name)).one_or_none()


def get_unit(db: Connection, model_uuid: str, name: str) -> Row[Any]:
    """One unit.

    Raises:
        RpcError: ``unit "x/0" not found``.
    """
    unit = find_unit(db, model_uuid, name)
    if unit is None:
        raise not_found("unit", name)
    return unit


def deploy(
    tx: Tx,
    model_uuid: str,
    name: str,
    charm: Charm,
    series: str,
    *,
    subordinate: bool,
    config: dict[str, Any],
    constraints: Mapping[str, Any] = MappingProxyType({}),
    channel: str = "",
) -> None:
    """Adds an application without units.

    Raises:
        RpcError: The name is taken or not a name.
    """
    if not APPLICATION_RE.fullmatch(name):
        raise RpcError(f'invalid application name "{name}"', BAD_REQUEST)
    if any(row.name == name for row in of_model(tx.db, model_uuid)):
        raise RpcError(f'cannot add application "{name}": application already exists', ALREADY_EXISTS)
    tx.db.execute(
        insert(applications).values(
            model_uuid=model_uuid,
            name=name,
            life="alive",
            charm_url=charm.url,
            charm_name=charm.name,
            charm_rev=charm.revision,
            charm_channel=channel or (charms.DEFAULT_CHANNEL if charm.url.startswith("ch:") else ""),
            series=series,
            subordinate=int(subordinate),
            config=json.dumps(config),
            constraints=json.dumps(dict(constraints)),
            workload_version=charms.workload_version(charm.name, series),
            since=clock.now(),
        )
    )
    tx.notify("application", model_uuid, name)


def add_unit(tx: Tx, model_uuid: str, application: str, machine_id: str, principal: str = "") -> str:
    """Adds a unit on a machine, with its subordinates; returns its name.

    Raises:
        RpcError: No such application or machine.
    """
    number = int(get(tx.db, model_uuid, application).next_unit)
    machines.get(tx.db, model_uuid, machine_id)
    name = f"{application}/{number}"
    moment = clock.now()
    used = {row.port for row in units_of_machine(tx.db, model_uuid, machine_id)}
    tx.db.execute(
        update(applications)
        .where(applications.c.model_uuid == model_uuid, applications.c.name == application)
        .values(next_unit=number + 1)
    )
    tx.db.execute(
        insert(units).values(
            model_uuid=model_uuid,
            name=name,
            application=application,
            number=number,
            machine_id=machine_id,
            principal=principal,
            life="alive",
            port=next(port for port in range(FIRST_PORT, FIRST_PORT + len(used) + 1) if port not in used),
            workload_status="waiting",
            workload_message="installing agent" if principal else "waiting for machine",
            workload_since=moment,
        )
    )
    agents.add(tx, model_uuid, unit_tag(name), machine_id, "allocating", "")
    upgrades.join(tx, model_uuid, unit_tag(name), machine_id)
    _changed(tx, model_uuid, name, machine_id)
    if not principal:
        for subordinate in subordinates_of(tx.db, model_uuid, application):
            add_unit(tx, model_uuid, subordinate, machine_id, principal=name)
    return name


def relate(tx: Tx, model_uuid: str, first: str, second: str) -> Row[Any]:
    """Relates two applications; a subordinate gets a unit beside each unit of its principal.

    Raises:
        RpcError: No such application, or they are related already.
    """
    pair = [get(tx.db, model_uuid, first), get(tx.db, model_uuid, second)]
    if pair[0].name == pair[1].name:
        raise RpcError(f'cannot relate "{first}" to itself', BAD_REQUEST)
    attaching = [app for app in pair if app.subordinate]
    endpoints = [
        {
            "application": app.name,
            "name": _SUBORDINATE_INTERFACE,
            "role": role,
            "subordinate": bool(app.subordinate),
        }
        # As in Juju the end that requires comes first; of two principals, or two subordinates, some end must.
        for role, app in zip(
            ("requirer", "provider"), sorted(pair, key=lambda app: (-app.subordinate, app.name)), strict=True
        )
    ]
    key = " ".join(f"{end['application']}:{end['name']}" for end in endpoints)
    if any(row.key == key for row in relations_of_model(tx.db, model_uuid)):
        raise RpcError(f'cannot add relation "{key}": relation already exists', ALREADY_EXISTS)
    relation_id = models.take_number(tx, model_uuid, "next_relation")
    tx.db.execute(
        insert(relations).values(
            model_uuid=model_uuid,
            id=relation_id,
            key=key,
            interface=_SUBORDINATE_INTERFACE,
            scope="container" if attaching else "global",
            endpoints=json.dumps(endpoints),
            since=clock.now(),
        )
    )
    tx.notify("relation", model_uuid, str(relation_id))
    if len(attaching) == 1:
        principal = next(app for app in pair if not app.subordinate)
        for unit in units_of_model(tx.db, model_uuid):
            if unit.application == principal.name:
                add_unit(tx, model_uuid, attaching[0].name, unit.machine_id, principal=unit.name)
    return next(row for row in relations_of_model(tx.db, model_uuid) if row.id == relation_id)


def unrelate(tx: Tx, model_uuid: str, ends: list[str]) -> None:
    """Removes the relation of two applications, and the units that a subordinate had by it.

    Args:
        tx: The transaction.
        model_uuid: The model.
        ends: Both applications, each alone or with its endpoint (``ubuntu:juju-info``).

    Raises:
        RpcError: No such application, or they are not related.
    """
    for end in ends:
        get(tx.db, model_uuid, end.split(":")[0])
    relation = next((row for row in relations_of_model(tx.db, model_uuid) if _joins(row, ends)), None)
    if relation is None:
        raise not_found("relation", " ".join(ends))
    tx.db.execute(delete(relations).where(relations.c.model_uuid == model_uuid, relations.c.id == relation.id))
    tx.notify("relation", model_uuid, str(relation.id))
    if relation.scope == "container":
        related = {end.split(":")[0] for end in ends}
        for unit in units_of_model(tx.db, model_uuid):
            if unit.application in related and unit.principal.partition("/")[0] in related:
                remove_unit(tx, model_uuid, unit.name)


def _joins(relation: Row[Any], ends: list[str]) -> bool:
    """Whether a relation is that of these ends."""
    names = [(end["application"], f"{end['application']}:{end['name']}") for end in json.loads(relation.endpoints)]
    return any(all(end in pair for end, pair in zip(ends, order, strict=True)) for order in (names, names[::-1]))


def subordinates_of(db: Connection, model_uuid: str, principal: str) -> list[str]:
    """The subordinate applications related to an application."""
    found = []
    for relation in relations_of_model(db, model_uuid):
        ends = json.loads(relation.endpoints)
        if any(end["application"] == principal and not end["subordinate"] for end in ends):
            found += [end["application"] for end in ends if end["subordinate"]]
    return found


def remove_unit(tx: Tx, model_uuid: str, name: str) -> None:
    """Removes a unit with its subordinates; its machine's agent hears of it and removes the agent.

    Raises:
        RpcError: No such unit.
    """
    unit = get_unit(tx.db, model_uuid, name)
    for other in units_of_machine(tx.db, model_uuid, unit.machine_id):
        if other.principal == name:
            remove_unit(tx, model_uuid, other.name)
    tx.db.execute(delete(units).where(units.c.model_uuid == model_uuid, units.c.name == name))
    agents.remove(tx, model_uuid, unit_tag(name))
    _changed(tx, model_uuid, name, unit.machine_id)


def remove_application(tx: Tx, model_uuid: str, name: str) -> None:
    """Removes an application with its units and relations.

    Raises:
        RpcError: No such application.
    """
    get(tx.db, model_uuid, name)
    for unit in units_of_model(tx.db, model_uuid):
        if unit.application == name and find_unit(tx.db, model_uuid, unit.name) is not None:
            remove_unit(tx, model_uuid, unit.name)
    for relation in relations_of_model(tx.db, model_uuid):
        if any(end["application"] == name for end in json.loads(relation.endpoints)):
            tx.db.execute(delete(relations).where(relations.c.model_uuid == model_uuid, relations.c.id == relation.id))
            tx.notify("relation", model_uuid, str(relation.id))
    tx.db.execute(delete(applications).where(applications.c.model_uuid == model_uuid, applications.c.name == name))
    tx.notify("application", model_uuid, name)


def set_workload_status(tx: Tx, model_uuid: str, name: str, status: str, message: str) -> None:
    """Notes what a unit's workload says of itself."""
    unit = get_unit(tx.db, model_uuid, name)
    if (unit.workload_status, unit.workload_message) == (status, message):
        return
    moment = clock.now()
    tx.db.execute(
        update(units)
        .where(units.c.model_uuid == model_uuid, units.c.name == name)
        .values(workload_status=status, workload_message=message, workload_since=moment)
    )
    agents.remember(tx, model_uuid, unit_tag(name), "workload", status, message, moment)
    agents.notify(tx, model_uuid, unit_tag(name))


def _changed(tx: Tx, model_uuid: str, unit: str, machine_id: str) -> None:
    agents.notify(tx, model_uuid, unit_tag(unit))
    tx.notify("units-of", model_uuid, machine_id, unit)
