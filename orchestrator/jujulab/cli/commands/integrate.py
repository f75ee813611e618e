"""``integrate``, and ``relate``, which is its name up to 2.9."""

from __future__ import annotations

import click

from jujulab.cli.framework import juju_command
from jujulab.cli.options import ignored_option, model_option


@juju_command(
    examples=[("A subordinate beside each unit of its principal:", "jujulab integrate ubuntu nrpe")],
    see_also=["deploy", "status"],
    aliases=["relate", "add-relation"],
)
@click.argument("first", metavar="APPLICATION[:ENDPOINT]")
@click.argument("second", metavar="APPLICATION[:ENDPOINT]")
@model_option
@ignored_option("--via", "CIDR,..", "Where traffic to an application of another model comes from")
def command(first: str, second: str, model: str | None) -> None:
    """Relate two applications."""
    from jujulab.session import connect_model

    with connect_model(model) as session:
        session.model_client().call("Application", "AddRelation", {"endpoints": [first, second]})
