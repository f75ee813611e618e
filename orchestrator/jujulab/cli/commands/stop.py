"""``stop``."""

from __future__ import annotations

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command


@juju_command(examples=[("Stop the only lab:", "jujulab stop")], see_also=["start", "down", "labs"])
@click.argument("lab", required=False)
def command(lab: str | None) -> None:
    """Stop the containers of a lab and keep everything in them."""
    from jujulab.lab import lifecycle
    from jujulab.lab.engine import Engine

    with Engine() as engine:
        chosen = lifecycle.choose(engine, lab)
        lifecycle.stop(engine, chosen)
    output.info(f'stopped lab "{chosen}"')
    output.info(f"Next: jujulab start {chosen}")
