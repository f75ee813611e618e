"""``set-model-constraints``."""

from __future__ import annotations

import click

from jujulab.cli.framework import juju_command
from jujulab.cli.options import model_option


@juju_command(
    examples=[
        ("From now on:", "jujulab set-model-constraints arch=amd64 cores=2"),
        ("None any more:", "jujulab set-model-constraints"),
    ],
    see_also=["model-constraints", "add-machine"],
)
@click.argument("constraints", nargs=-1, metavar="[KEY=VALUE...]")
@model_option
def command(constraints: tuple[str, ...], model: str | None) -> None:
    """Replace the constraints that new machines of a model get. A lab's machines have the architecture of this host."""
    from jujulab.cli.constraints import parse
    from jujulab.session import connect_model

    values = parse(constraints)
    with connect_model(model) as session:
        session.model_client().call("ModelConfig", "SetModelConstraints", {"constraints": values})
