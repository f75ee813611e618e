"""``show-unit``."""

from __future__ import annotations

from typing import Any

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import format_option, model_option


@juju_command(
    examples=[("One unit, for a program:", "jujulab show-unit ubuntu/0 --format json")],
    see_also=["status", "add-unit", "remove-unit"],
)
@click.argument("units", nargs=-1, metavar="UNIT...")
@model_option
@format_option("yaml", "json")
def command(units: tuple[str, ...], model: str | None, output_format: str) -> None:
    """Show all about units: machine, charm, ports, address, and whether it leads.

    A lab's units have no relation data.
    """
    from jujulab.cli.fetch import full_status
    from jujulab.session import connect_model
    from jujulab_core.errors import JujulabError, UsageError
    from jujulab_core.tags import UNIT_RE

    if not units:
        raise UsageError("an unit name must be supplied")
    for unit in units:
        if not UNIT_RE.fullmatch(unit):
            raise UsageError(f'unit name "{unit}" not valid')
    with connect_model(model) as session:
        known = _shown(full_status(session))
    for unit in units:
        if unit not in known:
            raise JujulabError(f'unit "{unit}" not found (not found)')
    output.emit({unit: known[unit] for unit in units}, output_format)


def _shown(status: dict[str, Any]) -> dict[str, Any]:
    """All units of a model, subordinates included, with their keys in Juju's order."""
    applications = status["applications"]
    found: dict[str, Any] = {}

    def add(name: str, unit: dict[str, Any], machine: str) -> None:
        tree = {
            "workload-version": unit["workload-version"],
            "machine": machine,
            "opened-ports": unit["opened-ports"],
            "public-address": unit["public-address"],
            "charm": applications[name.partition("/")[0]]["charm"],
            "leader": bool(unit.get("leader")),
            "life": unit["agent-status"]["life"],
        }
        found[name] = {key: value for key, value in tree.items() if value != ""}
        for other, subordinate in (unit["subordinates"] or {}).items():
            add(other, subordinate, machine)

    for application in applications.values():
        for name, unit in application["units"].items():
            add(name, unit, unit["machine"])
    return found
