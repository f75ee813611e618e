"""``down``."""

from __future__ import annotations

import sys

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import yes_option
from jujulab_core.errors import JujulabError


@juju_command(
    examples=[
        ("Remove the only lab:", "jujulab down"),
        ("Remove a lab without being asked, as a script must:", "jujulab down demo -y"),
    ],
    see_also=["up", "stop", "labs"],
)
@click.argument("lab", required=False)
@yes_option
def command(lab: str | None, yes: bool) -> None:
    """Remove a lab: its containers, networks, volumes and secrets.

    Nothing of it is kept. To keep everything and only free the host's memory, use `jujulab stop`. A lab may be named;
    where there is only one it is that one.
    """
    from jujulab.lab import lifecycle
    from jujulab.lab.engine import Engine

    with Engine() as engine:
        chosen = lifecycle.choose(engine, lab)
        if not yes:
            if not sys.stdin.isatty():
                raise JujulabError(
                    f'lab "{chosen}" was not removed: nobody is there to ask', next_step="say so with -y"
                )
            if not click.confirm(f'Remove lab "{chosen}" and all that is in it?', err=True):
                raise JujulabError(f'lab "{chosen}" was not removed')
        count = lifecycle.remove(engine, chosen)
    output.info(f'removed lab "{chosen}" ({count} containers)')
