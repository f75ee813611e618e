"""``models``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import controller_option, format_option, utc_option

if TYPE_CHECKING:
    from jujulab.cli.table import Cell


@juju_command(
    examples=[
        ("Those of the current controller:", "jujulab models"),
        ("With their UUIDs, of another controller:", "jujulab models -c aws --uuid"),
    ],
    see_also=["add-model", "show-model", "switch"],
    aliases=["list-models"],
)
@controller_option
@format_option()
@utc_option
@click.option("--all", "show_all", is_flag=True, help="Show all models of the controller, not only yours.")
@click.option("--user", metavar="USER", help="Show the models of this user.")
@click.option("--uuid", is_flag=True, help="Show the models' UUIDs.")
@click.option("--exact-time", is_flag=True, help="Show full times.")
def command(
    controller: str | None,
    output_format: str,
    utc: bool,
    show_all: bool,
    user: str | None,
    uuid: bool,
    exact_time: bool,
) -> None:
    """List the models of a controller.

    The current model has a star. The models of others are shown as OWNER/NAME.
    """
    from jujulab.cli.modeltree import counts, of_model
    from jujulab.session import connect_controller
    from jujulab.status.times import TimeForm, ago
    from jujulab_core.rpc.results import check

    now, times = datetime.now(UTC), TimeForm.choose(utc)
    with connect_controller(controller) as session:
        params = {"user-tag": f"user-{user}" if user else session.user_tag, "all": show_all}
        answer = session.client.call("ModelManager", "ListModelSummaries", params)
        session.refresh_models()
        current = session.store.current_model(session.controller.name)
    trees, rows, units = [], [], False
    wires = [check(result)["result"] for result in answer.get("results") or ()]
    for wire in sorted(wires, key=lambda wire: str(wire["name"])):
        tree = of_model(wire, session.controller.name, times, now)
        number = counts(wire)
        last = wire.get("last-connection") or wire.get("user-last-connection")
        access = wire.get("user-access", "")
        shown = (times.since(last) or "never connected") if exact_time else ago(last, now)
        trees.append(tree | {"access": access, "last-connection": shown})
        row: list[Cell] = [session.display_name(tree["name"]) + ("*" if tree["name"] == current else "")]
        row += [tree["model-uuid"]] if uuid else []
        row += [
            "/".join(filter(None, (tree.get("cloud"), tree.get("region")))),
            tree.get("type", ""),
            tree["status"].get("current", ""),
            str(number.get("machines", 0)),
            str(number.get("cores", 0) or "-"),
            str(number.get("units", 0) or "-"),
            access or "-",
            shown,
        ]
        units = units or bool(number.get("units"))
        rows.append(row)
    data: dict[str, Any] = {"models": trees}
    if current:
        data["current-model"] = session.display_name(current)
    output.emit(data, output_format, lambda: _table(session.controller.name, rows, uuid, units))


def _table(controller: str, rows: list[list[Cell]], uuid: bool, units: bool) -> str:
    from jujulab.cli.table import render

    header = ["Model", *(["UUID"] if uuid else []), "Cloud/Region", "Type", "Status", "Machines", "Cores", "Units"]
    header += ["Access", "Last connection"]
    if not units:
        # Juju has this column where there is something in it.
        at = header.index("Units")
        header, rows = header[:at] + header[at + 1 :], [row[:at] + row[at + 1 :] for row in rows]
    return f"Controller: {controller}\n\n" + render(header, rows, right=("Machines", "Cores", "Units"))
