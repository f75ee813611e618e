"""``refresh``, which is ``upgrade-charm`` up to 2.8."""

from __future__ import annotations

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import ignored_option, model_option


@juju_command(
    examples=[("As a script for real clouds does it:", "jujulab refresh ubuntu")],
    see_also=["deploy", "status"],
    aliases=["upgrade-charm"],
)
@click.argument("application")
@model_option
@ignored_option("--base", "NAME@CHANNEL", "Base of the charm")
@ignored_option("--channel", "CHANNEL", "Channel of the charm")
@ignored_option("--config", "KEY=VALUE|FILE", "Configuration of the application")
@ignored_option("--path", "DIRECTORY", "Charm on this host")
@ignored_option("--resource", "NAME=VALUE", "Resources of the charm")
@ignored_option("--revision", "N", "Revision of the charm")
@ignored_option("--storage", "NAME=VALUE", "Storage of the application")
@click.option("--force", is_flag=True, help="Refresh whatever the charm says; it has no effect here.")
@click.option("--force-base", is_flag=True, help="The same for its base.")
@click.option("--force-units", is_flag=True, help="The same for units in error.")
@click.option("--trust", is_flag=True, help="Give the application access to the cloud; it has no effect here.")
def command(application: str, model: str | None, force: bool, force_base: bool, force_units: bool, trust: bool) -> None:
    """Say that a lab has no charm store to refresh an application from. Nothing is changed."""
    from jujulab.session import connect_model

    with connect_model(model) as session:
        charm = session.model_client().call("Application", "Get", {"application": application})["charm"]
    output.info(f'"{application}" stays at charm "{charm}": a lab has no charm store to refresh it from')
