"""``version``."""

from __future__ import annotations

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import format_option


@juju_command(
    examples=[
        ("As Juju prints it:", "jujulab version"),
        ("Rehearse the commands of an older client:", "JUJULAB_CLIENT_VERSION=2.6.3 jujulab upgrade-model"),
    ],
    see_also=["controllers", "show-controller"],
)
@format_option("smart", "yaml", "json")
@click.option("--all", "show_all", is_flag=True, help="Show all that is known about the version.")
def command(output_format: str, show_all: bool) -> None:
    """Show the version of this client.

    In Juju 2.x the client's version takes part in the choice of the version to upgrade to. By default this
    client is as new as the current controller; set JUJULAB_CLIENT_VERSION to rehearse another client.
    """
    from jujulab.client_version import client_version, host_binary
    from jujulab.store import Store

    binary = str(host_binary(client_version(Store.default())))
    if show_all:
        tree = {"version": binary}
        output.emit(tree, output_format if output_format == "json" else "yaml")
    else:
        output.emit(binary, output_format, lambda: binary)
