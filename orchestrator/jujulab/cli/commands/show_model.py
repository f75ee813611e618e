"""``show-model``."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import format_option, model_option, utc_option


@juju_command(
    examples=[
        ("The current model:", "jujulab show-model"),
        ("Two models, for a program:", "jujulab show-model default aws:controller --format json"),
    ],
    see_also=["models", "status"],
)
@click.argument("names", nargs=-1, metavar="[[CONTROLLER:]MODEL]...")
@model_option
@format_option("yaml", "json")
@utc_option
def command(names: tuple[str, ...], model: str | None, output_format: str, utc: bool) -> None:
    """Show all about models: owner, users, machines, version, status."""
    from jujulab.cli.modeltree import of_model
    from jujulab.session import connect_model
    from jujulab.status.times import TimeForm
    from jujulab_core.rpc.results import check

    tree = {}
    for name in names or (model,):
        with connect_model(name) as session:
            wanted = session.model()
            entities = {"entities": [{"tag": wanted.tag}]}
            result = check(session.client.call("ModelManager", "ModelInfo", entities)["results"][0])
            shown = session.display_name(wanted.full_name)
        tree[shown] = of_model(result["result"], session.controller.name, TimeForm.choose(utc), datetime.now(UTC))
    output.emit(tree, output_format)
