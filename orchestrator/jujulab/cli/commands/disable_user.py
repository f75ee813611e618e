"""``disable-user``."""

from __future__ import annotations

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import controller_option


@juju_command(examples=[("Shut somebody out:", "jujulab disable-user bob")], see_also=["enable-user", "users"])
@click.argument("user")
@controller_option
def command(user: str, controller: str | None) -> None:
    """Shut a user out of a controller, at once and until `enable-user`; rights are kept."""
    from jujulab.session import connect_controller
    from jujulab_core.rpc.results import check_all

    with connect_controller(controller) as session:
        params = {"entities": [{"tag": f"user-{user}"}]}
        check_all(session.client.call("UserManager", "DisableUser", params))
    output.info(f'User "{user}" disabled')
