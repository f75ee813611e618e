"""``controller-config``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import controller_option, format_option
from jujulab_core.errors import JujulabError, UsageError


@juju_command(
    examples=[
        ("All of it:", "jujulab controller-config"),
        ("Trust a mirror that is not signed:", "jujulab controller-config allow-unsigned-metadata=true"),
        ("Trust other keys; the file holds agent-metadata-key:", "jujulab controller-config keys.yaml"),
    ],
    see_also=["controllers", "model-config", "streams"],
)
@click.argument("arguments", nargs=-1, metavar="[KEY | KEY=VALUE... | FILE]")
@controller_option
@format_option()
def command(arguments: tuple[str, ...], controller: str | None, output_format: str) -> None:
    """Show or change a controller's configuration.

    These settings, ours, say which agent metadata the controller believes. agent-metadata-key holds the armoured
    OpenPGP keys that must have signed it. allow-unsigned-metadata=true trusts what agent-metadata-url of a model names
    even if it is not signed. allow-older-metadata=true accepts an index older than one that was seen before, and
    allow-expired-metadata=true one that has expired or is dated in the future.
    """
    from jujulab.cli.keyvalues import parse
    from jujulab.session import connect_controller

    wanted = [text for text in arguments if "=" not in text and not Path(text).is_file()]
    changes = parse(text for text in arguments if text not in wanted)
    if wanted and changes:
        raise UsageError("cannot set and retrieve controller values simultaneously")
    if len(wanted) > 1:
        raise UsageError("can only retrieve a single value, or all values")
    with connect_controller(controller) as session:
        if changes:
            session.client.call("Controller", "ConfigSet", {"config": changes})
            return
        config = session.client.call("Controller", "ControllerConfig")["config"]
        _show(config, wanted[0] if wanted else None, session.controller.name, output_format)


def _show(config: dict[str, Any], key: str | None, controller: str, output_format: str) -> None:
    from jujulab.cli.table import render

    if key is None:
        config = dict(sorted(config.items()))
        rows = [(name, _text(value).strip().split("\n")[0]) for name, value in config.items()]
        output.emit(config, output_format, lambda: render(("Attribute", "Value"), rows))
        return
    if key not in config:
        raise JujulabError(f'key "{key}" not found in "{controller}" controller')
    output.emit(config[key], output_format, lambda: _text(config[key]))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
