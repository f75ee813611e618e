"""``config``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import format_option, model_option

if TYPE_CHECKING:
    from jujulab_core.rpc import Client


@juju_command(
    examples=[
        ("All of it:", "jujulab config ubuntu"),
        ("One value:", "jujulab config ubuntu hostname"),
        ("Change, and set back:", "jujulab config ubuntu hostname=web --reset port"),
    ],
    see_also=["deploy", "model-config", "status"],
)
@click.argument("application")
@click.argument("arguments", nargs=-1, metavar="[KEY | KEY=VALUE... | FILE]")
@model_option
@click.option("--reset", multiple=True, metavar="KEY,..", help="Set keys back to their defaults.")
@format_option("yaml", "json")
def command(
    application: str, arguments: tuple[str, ...], model: str | None, reset: tuple[str, ...], output_format: str
) -> None:
    """Show or change an application's configuration.

    The lab has no charm store, so every key may be set; its units do nothing with it.
    """
    from jujulab.cli.keyvalues import parse
    from jujulab.session import connect_model
    from jujulab_core.errors import UsageError
    from jujulab_core.rpc.results import check_all

    resets = [key.strip() for text in reset for key in text.split(",") if key.strip()]
    wanted = [text for text in arguments if "=" not in text] if not resets else []
    values = parse(text for text in arguments if text not in wanted)
    if wanted and values:
        raise UsageError("cannot set and retrieve application values simultaneously")
    if len(wanted) > 1:
        raise UsageError("can only retrieve a single value, or all values")
    with connect_model(model) as session:
        client = session.model_client()
        if resets:
            unset = [{"application": application, "options": resets}]
            check_all(client.call("Application", "UnsetApplicationsConfig", {"Args": unset}))
        if values:
            _set(client, application, {key: str(value) for key, value in values.items()})
        if not resets and not values:
            known = client.call("Application", "Get", {"application": application})
            _show(known, wanted[0] if wanted else None, output_format)


def _set(client: Client, application: str, values: dict[str, str]) -> None:
    from jujulab_core.rpc.results import check_all
    from jujulab_core.version import Number

    login = client.login
    if login is not None and Number.parse(login.server_version) < Number(2, 9, 0):
        client.call("Application", "Set", {"application": application, "options": values})
        return
    changes = [{"application": application, "config": values}]
    check_all(client.call("Application", "SetConfigs", {"Args": changes}))


def _show(known: dict[str, Any], key: str | None, output_format: str) -> None:
    from jujulab_core.errors import JujulabError

    settings = known.get("config") or {}
    if key is not None:
        if key not in settings:
            raise JujulabError(
                f'key "{key}" not found in "{known["application"]}" application config or charm settings.'
            )
        output.emit(settings[key]["value"], output_format)
        return
    tree = {
        "application": known["application"],
        "application-config": known.get("application-config") or {},
        "charm": known["charm"].rpartition(":")[2],
        "settings": settings,
    }
    output.emit(tree, output_format)
