"""``register``."""

from __future__ import annotations

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command


@juju_command(
    examples=[
        ("With the line that `add-user` printed:", "jujulab register eyJ1c2VyIjogImJvYiIs..."),
        ("Without a terminal:", "jujulab register eyJ1c2VyIjogImJvYiIs... < password-file"),
    ],
    see_also=["add-user", "login", "logout"],
)
@click.argument("token")
@click.option("-c", "--controller", metavar="NAME", help="Name for the controller. By default the one in the token.")
@click.option("--replace", is_flag=True, help="Forget a controller that has this name already.")
def command(token: str, controller: str | None, replace: bool) -> None:
    """Set the password of a new user and log in to the controller that the token names.

    The password is asked for; without a terminal it is the first line of stdin.
    """
    from jujulab.cli.passwords import ask_new
    from jujulab.cli.welcome import welcome
    from jujulab.registration import Token, set_first_password
    from jujulab.session import connect_controller
    from jujulab.store import Store
    from jujulab_core.errors import JujulabError

    given = Token.decode(token)
    name, store = controller or given.controller, Store.default()
    if name in store.controllers() and not replace:
        raise JujulabError(
            f'controller "{name}" is known already', next_step="choose another name with -c, or give --replace"
        )
    password = ask_new("Enter a new password", "Confirm password")
    set_first_password(given, password)
    store.add_controller(
        name,
        uuid=given.uuid,
        endpoints=given.endpoints,
        ca_cert=given.ca_cert,
        cloud=given.cloud,
        region=given.region,
        agent_version=given.agent_version,
        user=given.user,
        password=password,
        access="login",
    )
    store.set_account(name, given.user, password, "login")
    output.info(f"Initial password successfully set for {given.user}.\n")
    with connect_controller(name) as session:
        welcome(session)
