"""``switch``."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command

if TYPE_CHECKING:
    from jujulab.store import Store


@juju_command(
    examples=[
        ("Where am I?", "jujulab switch"),
        ("To another model of the current controller:", "jujulab switch default"),
        ("To a model of another controller:", "jujulab switch aws:controller"),
    ],
    see_also=["controllers", "models", "whoami"],
)
@click.argument("target", required=False, metavar="[CONTROLLER|[CONTROLLER:]MODEL]")
def command(target: str | None) -> None:
    """Choose the current controller and model.

    Without an argument it shows them. A controller goes before a model of the same name; `:MODEL` means the model.
    """
    from jujulab.store import Store
    from jujulab_core.errors import JujulabError

    store = Store.default()
    old = where(store)
    if target is None:
        if not old:
            raise JujulabError("no currently specified model", next_step="make a lab with `jujulab up`")
        output.data(old)
        return
    controller, model = _resolve(store, target)
    store.switch(controller, model)
    new = where(store)
    output.info(f"{new} (no change)" if old == new else f"{old} -> {new}")


def where(store: Store) -> str:
    """The current controller and model: ``aws:admin/default``, ``aws (controller)``, or an empty string."""
    controller = store.current_controller
    if controller is None:
        return ""
    model = store.current_model(controller)
    return f"{controller}:{model}" if model else f"{controller} (controller)"


def _resolve(store: Store, target: str) -> tuple[str, str | None]:
    from jujulab.session import ModelNotFoundError, connect_controller
    from jujulab_core.errors import JujulabError

    controllers = store.controllers()
    prefix, colon, model = target.rpartition(":")
    if not colon and target in controllers:
        return target, None
    controller = prefix or store.current_controller
    if controller in controllers:
        if not model:
            return controller, None
        with connect_controller(controller) as session, contextlib.suppress(ModelNotFoundError):
            return controller, session.find_model(model).full_name
    raise JujulabError(
        f'"{target}" is not the name of a model or controller',
        next_step="see `jujulab controllers` and `jujulab models`",
    )
