"""``model-defaults``."""

from __future__ import annotations

from typing import Any

import click

from jujulab.cli import output, table
from jujulab.cli.framework import juju_command
from jujulab.cli.options import controller_option, format_option

AGENT_VERSION = "agent-version"


@juju_command(
    examples=[
        ("All of them:", "jujulab model-defaults"),
        ("Let new models take their agents from the stream proposed:", "jujulab model-defaults agent-stream=proposed"),
        ("Back to Juju's own default:", "jujulab model-defaults --reset agent-stream"),
    ],
    see_also=["model-config", "controller-config", "add-model"],
    aliases=["model-default"],
)
@click.argument("arguments", nargs=-1, metavar="[KEY | KEY=VALUE...]")
@controller_option
@click.option("--reset", multiple=True, metavar="KEY,..", help="Set keys back to Juju's own defaults.")
@format_option()
def command(arguments: tuple[str, ...], controller: str | None, reset: tuple[str, ...], output_format: str) -> None:
    """Show or change what the configuration of new models begins with.

    Models that are there already keep what they have.
    """
    from jujulab.cli.keyvalues import parse
    from jujulab.session import connect_controller
    from jujulab_core.errors import JujulabError, UsageError
    from jujulab_core.rpc.results import check_all

    resets = [key.strip() for text in reset for key in text.split(",") if key.strip()]
    changes = parse([text for text in arguments if "=" in text])
    wanted = [text for text in arguments if "=" not in text]
    if wanted and (changes or resets):
        raise UsageError("cannot set and retrieve default values simultaneously")
    if len(wanted) > 1:
        raise UsageError("can only retrieve defaults for one key or all")
    if AGENT_VERSION in changes:
        raise JujulabError(f"{AGENT_VERSION} cannot have a default value")
    with connect_controller(controller) as session:
        client, cloud = session.client, f"cloud-{session.controller.cloud}"
        if resets:
            keys = {"cloud-tag": cloud, "keys": resets}
            check_all(client.call("ModelManager", "UnsetModelDefaults", {"keys": [keys]}))
        if changes:
            config = {"cloud-tag": cloud, "config": changes}
            check_all(client.call("ModelManager", "SetModelDefaults", {"config": [config]}))
        if resets or changes:
            return
        entities = {"entities": [{"tag": cloud}]}
        (answer,) = check_all(client.call("ModelManager", "ModelDefaultsForClouds", entities))
    known: dict[str, Any] = answer["config"]
    if wanted and wanted[0] not in known:
        raise JujulabError(f'there are no default model values for "{wanted[0]}"')
    shown = {key: known[key] for key in (wanted or sorted(known))}
    rows = [(key, _text(entry.get("default")), _text(entry.get("controller"))) for key, entry in shown.items()]
    output.emit(shown, output_format, lambda: table.render(("Attribute", "Default", "Controller"), rows))


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) or '""'
