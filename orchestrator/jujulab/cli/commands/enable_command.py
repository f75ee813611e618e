"""``enable-command``."""

from __future__ import annotations

import click

from jujulab.cli.blocks import check_set
from jujulab.cli.framework import juju_command
from jujulab.cli.options import model_option


@juju_command(
    examples=[("Take `disable-command all` back:", "jujulab enable-command all")],
    see_also=["disable-command", "disabled-commands"],
)
@click.argument("command_set", required=False, metavar="SET")
@model_option
def command(command_set: str | None, model: str | None) -> None:
    """Take a model's protection away. Sets are `all`, `destroy-model` and `remove-object`."""
    from jujulab.session import connect_model
    from jujulab_core.rpc.results import check

    params = {"type": check_set(command_set), "message": ""}
    with connect_model(model) as session:
        check(session.model_client().call("Block", "SwitchBlockOff", params))
