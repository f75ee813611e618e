"""``change-user-password``."""

from __future__ import annotations

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import controller_option


@juju_command(
    examples=[
        ("Your own:", "jujulab change-user-password"),
        ("Somebody else's, as a superuser:", "jujulab change-user-password bob"),
        ("Without a terminal:", "jujulab change-user-password bob < password-file"),
    ],
    see_also=["add-user", "login"],
)
@click.argument("user", required=False)
@controller_option
def command(user: str | None, controller: str | None) -> None:
    """Change a user's password, by default your own.

    The password is asked for; without a terminal it is the first line of stdin.
    """
    from jujulab.cli.passwords import ask_new
    from jujulab.session import connect_controller
    from jujulab_core.rpc.results import check_all

    with connect_controller(controller) as session:
        own = user in (None, session.account.user)
        name = user or session.account.user
        password = ask_new("new password", "type new password again")
        params = {"changes": [{"tag": f"user-{name}", "password": password}]}
        check_all(session.client.call("UserManager", "SetPassword", params))
        if own:
            session.store.set_account(session.controller.name, name, password, session.account.access)
    output.info("Your password has been changed." if own else f'Password for "{name}" has been changed.')
