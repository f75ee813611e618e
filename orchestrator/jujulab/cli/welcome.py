"""What a person who has just logged in is told, and what the client remembers then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jujulab.cli import output

if TYPE_CHECKING:
    from jujulab.session import Session

NO_MODELS = """
There are no models available. You can add models with
"juju add-model", or you can ask an administrator or owner
of a model to grant access to that model with "juju grant"."""


def welcome(session: Session) -> None:
    """Greets the user, and puts the only model in focus or names those there are."""
    store, controller = session.store, session.controller.name
    models = session.refresh_models()
    output.info(f'Welcome, {session.account.user}. You are now logged into "{controller}".')
    if not models:
        output.info(NO_MODELS)
    elif len(models) == 1:
        (name,) = models
        store.switch(controller, name)
        output.info(f'\nCurrent model set to "{name}".')
    else:
        output.info(f'\nThere are {len(models)} models available. Use "juju switch" to select\none of them:')
        # One's own come first, as Juju lists them.
        own = sorted((session.display_name(name) for name in models), key=lambda name: ("/" in name, name))
        for name in own:
            output.info(f"  - juju switch {name}")
