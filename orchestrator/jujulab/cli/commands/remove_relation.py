"""``remove-relation``."""

from __future__ import annotations

import click

from jujulab.cli.framework import juju_command
from jujulab.cli.options import model_option


@juju_command(
    examples=[("A subordinate goes from beside its principal:", "jujulab remove-relation ubuntu nrpe")],
    see_also=["integrate", "remove-application"],
)
@click.argument("first", metavar="APPLICATION[:ENDPOINT]")
@click.argument("second", metavar="APPLICATION[:ENDPOINT]")
@model_option
@click.option("--force", is_flag=True, help="Do not stop at errors.")
def command(first: str, second: str, model: str | None, force: bool) -> None:
    """Remove the relation of two applications. A subordinate's units go with it."""
    from jujulab.session import connect_model

    with connect_model(model) as session:
        params = {"endpoints": [first, second], "force": force}
        session.model_client().call("Application", "DestroyRelation", params)
