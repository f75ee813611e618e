"""``logout``."""

from __future__ import annotations

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import controller_option

LOSS = """preventing account loss

It appears that you have not changed the password for
your account. If this is the case, change the password
first before logging out, so that you can log in again
afterwards. To change your password, run the command
"juju change-user-password".

If you are sure you want to log out, and it is safe to
clear the credentials from the client, then you can run
this command again with the "--force" option.
"""


@juju_command(
    examples=[("Out of the current controller:", "jujulab logout")],
    see_also=["login", "change-user-password", "whoami"],
)
@controller_option
@click.option("--force", is_flag=True, help="Forget a password that nobody has chosen, too.")
def command(controller: str | None, force: bool) -> None:
    """Log out of a controller: this client forgets who you are there, and your password.

    Other clients stay logged in. A password that you did not choose yourself, as `up` makes it for `admin`, would be
    lost, so it takes --force to forget it.
    """
    from jujulab.session import resolve_controller
    from jujulab.store import Store
    from jujulab_core.errors import JujulabError

    store = Store.default()
    name = resolve_controller(store, controller).name
    account = store.account(name)
    if account is not None:
        if not account.chosen and not force:
            raise JujulabError(LOSS)
        store.remove_account(name)
    left = sum(store.account(other) is not None for other in store.controllers())
    where = {0: "no longer logged into any controllers", 1: "still logged into 1 controller"}
    output.info(f"Logged out. You are {where.get(left, f'still logged into {left} controllers')}.")
