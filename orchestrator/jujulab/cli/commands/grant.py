"""``grant``."""

from __future__ import annotations

import click

from jujulab.cli.framework import juju_command
from jujulab.cli.options import controller_option


@juju_command(
    examples=[
        ("Let somebody upgrade a model:", "jujulab grant bob admin default"),
        ("Let somebody look at two:", "jujulab grant bob read default staging"),
        ("The whole controller:", "jujulab grant bob superuser"),
    ],
    see_also=["revoke", "users", "add-user"],
)
@click.argument("user", required=False)
@click.argument("level", required=False)
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@controller_option
def command(user: str | None, level: str | None, models: tuple[str, ...], controller: str | None) -> None:
    """Give a user rights on models or on the controller.

    On models: `read` to look, `write` to change what is in it, `admin` to upgrade it and to grant rights on it. On the
    controller: `login`, and `superuser` for everything.
    """
    from jujulab.cli.granting import change

    change("grant", user, level, models, controller)
