"""``add-unit``."""

from __future__ import annotations

import click

from jujulab.cli.framework import juju_command
from jujulab.cli.options import ignored_option, model_option


@juju_command(
    examples=[
        ("One more, on a new machine:", "jujulab add-unit ubuntu"),
        ("Two more, on machines that are there:", "jujulab add-unit ubuntu -n 2 --to 3,4"),
    ],
    see_also=["deploy", "remove-unit", "status"],
)
@click.argument("application")
@model_option
@click.option("-n", "--num-units", type=click.IntRange(1), metavar="N", default=1, show_default=True, help="How many.")
@click.option("--to", metavar="MACHINE,..", help="Machines for the units, by their ids. By default new ones.")
@ignored_option("--attach-storage", "NAME,..", "Storage for the unit")
def command(application: str, model: str | None, num_units: int, to: str | None) -> None:
    """Add units to a deployed application; says nothing when that worked."""
    from jujulab.cli.placement import parse
    from jujulab.cli.provisioning import provision
    from jujulab.session import connect_model

    params = {"application": application, "num-units": num_units, "placement": parse(to)}
    with connect_model(model) as session:
        session.model_client().call("Application", "AddUnits", params)
        provision(session)
