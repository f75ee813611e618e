"""``revoke``."""

from __future__ import annotations

import click

from jujulab.cli.framework import juju_command
from jujulab.cli.options import controller_option


@juju_command(
    examples=[
        ("Leave somebody `write` who had `admin`:", "jujulab revoke bob admin default"),
        ("Take all rights on a model:", "jujulab revoke bob read default"),
        ("Shut somebody out of the controller:", "jujulab revoke bob login"),
    ],
    see_also=["grant", "users"],
)
@click.argument("user", required=False)
@click.argument("level", required=False)
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@controller_option
def command(user: str | None, level: str | None, models: tuple[str, ...], controller: str | None) -> None:
    """Take rights on models or on the controller from a user.

    The right below the revoked one stays, if the user had it: who loses `admin` keeps `write`, who loses `write` keeps
    `read`. It takes effect at once, on connections that are open as well.
    """
    from jujulab.cli.granting import change

    change("revoke", user, level, models, controller)
