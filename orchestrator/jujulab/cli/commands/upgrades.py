"""``upgrades``."""

from __future__ import annotations

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import controller_option, format_option, utc_option


@juju_command(
    examples=[
        ("Of all models:", "jujulab upgrades"),
        ("Of one model, for a program:", "jujulab upgrades -m default --format json"),
    ],
    see_also=["show-upgrade", "upgrade-model", "upgrade-controller"],
)
@click.option("-m", "--model", metavar="[CONTROLLER:]MODEL", help="Only those of this model.")
@controller_option
@format_option()
@utc_option
def command(model: str | None, controller: str | None, output_format: str, utc: bool) -> None:
    """List the upgrades of a controller, the newest first."""
    from jujulab.cli.table import render
    from jujulab.session import connect_controller, connect_model
    from jujulab.status import upgrades
    from jujulab.status.times import TimeForm

    with connect_model(model) if model else connect_controller(controller) as session:
        params = {"model-tag": session.model().tag} if model else {}
        found = session.client.call("LabUpgrades", "List", params)["upgrades"]
    if not found and output_format == "tabular":
        output.info("There were no upgrades yet.")
        return
    rows = upgrades.rows(found, TimeForm.choose(utc))
    output.emit({"upgrades": found}, output_format, lambda: render(upgrades.LIST_HEADER, rows, right=("ID",)))
