"""``help``."""

from __future__ import annotations

import click

from jujulab.cli.framework import juju_command


@juju_command(
    examples=[("What there is:", "jujulab help"), ("About one command:", "jujulab help upgrade-model")],
    see_also=["version"],
)
@click.argument("name", required=False, metavar="[COMMAND]")
def command(name: str | None) -> None:
    """Show help on a command, or list the commands."""
    from jujulab.cli.main import run

    click.get_current_context().exit(run([name, "--help"] if name else ["--help"]))
