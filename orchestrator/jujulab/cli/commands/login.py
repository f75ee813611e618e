"""``login``."""

from __future__ import annotations

import sys

import click

from jujulab.cli.framework import juju_command
from jujulab.cli.options import controller_option


@juju_command(
    examples=[
        ("As another user, after a logout:", "jujulab login -u bob"),
        ("Without a terminal:", "jujulab login -c aws -u bob < password-file"),
    ],
    see_also=["logout", "register", "whoami", "change-user-password"],
)
@click.argument("name", required=False, metavar="[CONTROLLER]")
@controller_option
@click.option("-u", "--user", metavar="USER", help="Log in as this user.")
def command(name: str | None, controller: str | None, user: str | None) -> None:
    """Log in to a controller, which becomes the current one.

    The password is asked for; without a terminal it is the first line of stdin. Who is logged in already is told so
    when another user is asked for, and otherwise nothing is changed.
    """
    from jujulab.cli.passwords import ask
    from jujulab.cli.welcome import welcome
    from jujulab.session import Session, resolve_controller
    from jujulab.store import Account, Store
    from jujulab_core.errors import JujulabError, RpcError

    store = Store.default()
    found = resolve_controller(store, controller or name)
    known = store.account(found.name)
    if known is not None and user not in (None, known.user):
        raise JujulabError(
            f'cannot log into controller "{found.name}": already logged in as {known.user}.\n\n'
            'Run "juju logout" first before attempting to log in as a different user.'
        )
    account = known
    if account is None:
        if user is None and sys.stdin.isatty():
            user = click.prompt("username", prompt_suffix=": ", default="", show_default=False, err=True)
        if not user:
            raise JujulabError("you must specify a username", next_step="name the user with -u")
        account = Account(user, ask(f"please enter password for {user} on {found.name}"), "")
    with Session(store, found, account, None) as session:
        try:
            answer = session.client.login
        except RpcError as error:
            raise RpcError(f'cannot log into controller "{found.name}": {error.message}', error.code) from error
        if known is None:
            access = (answer.raw.get("user-info") or {}).get("controller-access") if answer else ""
            store.set_account(found.name, account.user, account.password, access or "")
        store.switch(found.name)
        if known is None:
            welcome(session)
