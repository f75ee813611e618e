"""``trust``."""

from __future__ import annotations

import click

from jujulab.cli.framework import juju_command
from jujulab.cli.options import ignored_option, model_option


@juju_command(
    examples=[("As a script for real clouds does it:", "jujulab trust ubuntu")],
    see_also=["deploy", "config"],
)
@click.argument("application")
@model_option
@click.option("--remove", is_flag=True, help="Take the access away.")
@ignored_option("--scope", "NAME", "Scope of a Kubernetes charm")
def command(application: str, model: str | None, remove: bool) -> None:
    """Give an application access to the cloud, which has no effect in a lab: nothing there uses it."""
    from jujulab.session import connect_model

    with connect_model(model) as session:
        # For the error, where there is no such application.
        session.model_client().call("Application", "Get", {"application": application})
