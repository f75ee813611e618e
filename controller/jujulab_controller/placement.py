"""Where new units go: on machines that are named, or on new ones."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from jujulab_controller import constraints
from jujulab_controller.errors import bad_request
from jujulab_controller.state import applications, machines, models
from jujulab_controller.state.store import Tx
from jujulab_core.errors import RpcError


def default_arch(db: Connection, model_uuid: str) -> str:
    """The architecture of new machines: all of a lab have that of its host, so the controller's."""
    controller = models.the_controller(db).model_uuid
    found = machines.of_model(db, controller) or machines.of_model(db, model_uuid)
    return found[0].arch if found else "amd64"


def default_series(db: Connection, model_uuid: str) -> str:
    """The series of new machines: the model's ``default-series``, else that of the controller's machine."""
    configured = models.config(models.get(db, model_uuid)).get("default-series")
    if configured:
        return str(configured)
    found = machines.of_model(db, models.the_controller(db).model_uuid)
    return found[0].series if found else "bionic"


def add_machine(tx: Tx, model_uuid: str, series: str, wanted: dict[str, Any], *, is_controller: bool = False) -> str:
    """Adds a machine with the model's constraints and, over them, its own; returns its id."""
    own = constraints.load(models.get(tx.db, model_uuid).constraints)
    arch = default_arch(tx.db, model_uuid)
    return machines.add(tx, model_uuid, series, arch, constraints.shown(own, wanted), is_controller=is_controller)


def add_units(tx: Tx, model_uuid: str, application: str, count: int, placement: list[dict[str, Any]]) -> list[str]:
    """Adds units; the first ones go where the placement says, the others on new machines.

    Args:
        tx: The transaction.
        model_uuid: The model.
        application: Whose units.
        count: How many.
        placement: ``{"scope": "#", "directive": "0"}`` for each unit that goes on an existing machine.

    Returns:
        The new units' names.

    Raises:
        RpcError: No such application or machine, or a placement that the lab cannot do.
    """
    app = applications.get(tx.db, model_uuid, application)
    if app.subordinate and count:
        raise bad_request(f'cannot add units of "{application}": it is a subordinate, relate it to a principal')
    names = []
    for at in range(count):
        machine_id = _machine(placement[at]) if at < len(placement) else ""
        if not machine_id:
            machine_id = add_machine(tx, model_uuid, app.series, constraints.load(app.constraints))
        names.append(applications.add_unit(tx, model_uuid, application, machine_id))
    return names


def check_new_machine(directive: dict[str, Any]) -> None:
    """Refuses a placement of a new machine: there are neither containers in machines nor zones.

    Raises:
        RpcError: It is one.
    """
    if _machine(directive):
        raise _unsupported(directive)


def _machine(directive: dict[str, Any]) -> str:
    """The machine that a directive names, or an empty string for a new one."""
    scope, where = str(directive.get("scope") or ""), str(directive.get("directive") or "")
    if scope == "#" and where.isdigit():
        return where
    if (not where and scope in ("", "#")) or where == "new":
        return ""
    raise _unsupported(directive)


def _unsupported(directive: dict[str, Any]) -> RpcError:
    scope, where = str(directive.get("scope") or ""), str(directive.get("directive") or "")
    return bad_request(f'unsupported placement "{scope}:{where}": the lab knows machine numbers only')
