"""``disable-command``."""

from __future__ import annotations

import click

from jujulab.cli.blocks import check_set
from jujulab.cli.framework import juju_command
from jujulab.cli.options import model_option


@juju_command(
    examples=[("Freeze the current model:", 'jujulab disable-command all "frozen until Monday"')],
    see_also=["enable-command", "disabled-commands"],
)
@click.argument("command_set", required=False, metavar="SET")
@click.argument("message", nargs=-1)
@model_option
def command(command_set: str | None, message: tuple[str, ...], model: str | None) -> None:
    """Protect a model from changes.

    Sets are `destroy-model` (the model may not be destroyed), `remove-object` (nor its machines, applications and
    units) and `all` (nothing may change, upgrades included). The message is shown to whoever is refused.
    """
    from jujulab.session import connect_model
    from jujulab_core.rpc.results import check

    params = {"type": check_set(command_set), "message": " ".join(message)}
    with connect_model(model) as session:
        check(session.model_client().call("Block", "SwitchBlockOn", params))
