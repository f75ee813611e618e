"""Machines: added by users, given an instance by the lab, removed with what is on them."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from jujulab_controller import clock
from jujulab_controller.errors import NOT_FOUND
from jujulab_controller.state import agents, models
from jujulab_controller.state.schema import machines
from jujulab_controller.state.schema import models as models_table
from jujulab_controller.state.store import Tx
from jujulab_core.errors import RpcError
from jujulab_core.tags import machine_tag


def get(db: Connection, model_uuid: str, machine_id: str) -> Row[Any]:
    """One machine.

    Raises:
        RpcError: ``machine N not found``.
    """
    machine = db.execute(
        select(machines).where(machines.c.model_uuid == model_uuid, machines.c.id == machine_id)
    ).one_or_none()
    if machine is None:
        raise RpcError(f"machine {machine_id} not found", NOT_FOUND)
    return machine


def of_model(db: Connection, model_uuid: str) -> list[Row[Any]]:
    """The machines of a model, by number."""
    rows = db.execute(select(machines).where(machines.c.model_uuid == model_uuid)).all()
    return sorted(rows, key=lambda row: int(row.id))


def controllers(db: Connection) -> list[Row[Any]]:
    """The machines that are controllers, by number."""
    return [machine for machine in of_model(db, models.the_controller(db).model_uuid) if machine.manager]


def members(db: Connection) -> list[Row[Any]]:
    """Those of the controllers that have come up once: of a set, the others are not part of it yet."""
    return [one for one in controllers(db) if agents.get(db, one.model_uuid, machine_tag(one.id)).logins]


def every(db: Connection) -> list[Row[Any]]:
    """The machines of all models with their models' names as ``model_name``, by model and number."""
    rows = db.execute(
        select(machines, models_table.c.name.label("model_name")).join(
            models_table, models_table.c.uuid == machines.c.model_uuid
        )
    ).all()
    return sorted(rows, key=lambda row: (row.model_name, row.model_uuid, int(row.id)))


def instance_id(model_uuid: str, machine_id: str) -> str:
    """The name that a machine's instance has or will have: ``juju-1a2b3c-0``."""
    return f"juju-{model_uuid[-6:]}-{machine_id}"


def add(tx: Tx, model_uuid: str, series: str, arch: str, constraints: str = "", *, is_controller: bool = False) -> str:
    """Adds a machine that waits for its instance; returns its id."""
    machine_id = str(models.take_number(tx, model_uuid, "next_machine"))
    tx.db.execute(
        insert(machines).values(
            model_uuid=model_uuid,
            id=machine_id,
            life="alive",
            series=series,
            arch=arch,
            constraints=constraints,
            manager=int(is_controller),
            created=clock.now(),
        )
    )
    agents.add(tx, model_uuid, machine_tag(machine_id), machine_id, "pending", "")
    tx.notify("machine", model_uuid, machine_id)
    tx.notify("provision")
    return machine_id


def provision(
    tx: Tx, model_uuid: str, machine_id: str, instance: str, host_key: str, nonce: str, password_hash: str
) -> None:
    """Notes the instance that a machine got, and the password with which its agent will log in."""
    tx.db.execute(
        update(machines)
        .where(machines.c.model_uuid == model_uuid, machines.c.id == machine_id)
        .values(instance_id=instance, host_key=host_key, nonce=nonce, provisioned=clock.now())
    )
    agents.set_password(tx, model_uuid, machine_tag(machine_id), password_hash)
    tx.notify("machine", model_uuid, machine_id)


def set_addresses(tx: Tx, model_uuid: str, machine_id: str, addresses: list[str]) -> None:
    """Notes where a machine can be reached; the first address is the preferred one."""
    text = json.dumps(addresses)
    if get(tx.db, model_uuid, machine_id).addresses == text:
        return
    tx.db.execute(
        update(machines).where(machines.c.model_uuid == model_uuid, machines.c.id == machine_id).values(addresses=text)
    )
    agents.notify(tx, model_uuid, machine_tag(machine_id))


def remove(tx: Tx, model_uuid: str, machine_id: str) -> None:
    """Removes a machine; whoever keeps the containers hears of it and removes the container."""
    get(tx.db, model_uuid, machine_id)
    tx.db.execute(delete(machines).where(machines.c.model_uuid == model_uuid, machines.c.id == machine_id))
    agents.remove(tx, model_uuid, machine_tag(machine_id))
    tx.notify("machine", model_uuid, machine_id)
    tx.notify("agent", model_uuid, machine_tag(machine_id))
    tx.notify("provision")


def addresses_of(machine: Row[Any]) -> list[str]:
    """A machine's addresses, the preferred one first."""
    found: list[str] = json.loads(machine.addresses)
    return found
