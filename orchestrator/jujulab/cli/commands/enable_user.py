"""``enable-user``."""

from __future__ import annotations

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import controller_option


@juju_command(examples=[("Let somebody in again:", "jujulab enable-user bob")], see_also=["disable-user", "users"])
@click.argument("user")
@controller_option
def command(user: str, controller: str | None) -> None:
    """Let a user in again whom `disable-user` shut out."""
    from jujulab.session import connect_controller
    from jujulab_core.rpc.results import check_all

    with connect_controller(controller) as session:
        params = {"entities": [{"tag": f"user-{user}"}]}
        check_all(session.client.call("UserManager", "EnableUser", params))
    output.info(f'User "{user}" enabled')
