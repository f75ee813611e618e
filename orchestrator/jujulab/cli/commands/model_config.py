"""``model-config``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import format_option, model_option

if TYPE_CHECKING:
    from jujulab_core.rpc import Client

AGENT_VERSION = "agent-version"


@juju_command(
    examples=[
        ("All of it:", "jujulab model-config"),
        ("The version of the model's agents:", "jujulab model-config agent-version"),
        ("Change, and set back to the default:", "jujulab model-config agent-stream=proposed --reset no-proxy"),
    ],
    see_also=["models", "upgrade-model"],
)
@click.argument("arguments", nargs=-1, metavar="[KEY | KEY=VALUE... | FILE]")
@model_option
@click.option("--reset", multiple=True, metavar="KEY,..", help="Set keys back to their defaults.")
@format_option()
def command(arguments: tuple[str, ...], model: str | None, reset: tuple[str, ...], output_format: str) -> None:
    """Show or change a model's configuration.

    With one key its bare value is printed. The version, agent-version, is changed by `jujulab upgrade-model` only.
    """
    from jujulab.session import connect_model
    from jujulab_core.errors import UsageError

    resets = [key.strip() for text in reset for key in text.split(",") if key.strip()]
    wanted = [text for text in arguments if "=" not in text and not Path(text).is_file()]
    changes = [text for text in arguments if text not in wanted]
    if wanted and (changes or resets):
        raise UsageError("cannot set and retrieve model values simultaneously")
    if len(wanted) > 1:
        raise UsageError("can only retrieve a single value, or all values")
    values = _checked_changes(changes, resets)
    with connect_model(model) as session:
        client = session.model_client()
        if not values and not resets:
            known = client.call("ModelConfig", "ModelGet")["config"]
            _show(known, wanted[0] if wanted else None, session.model().name, output_format)
            return
        _warn_of_unknown([*values, *resets], client)
        if resets:
            client.call("ModelConfig", "ModelUnset", {"keys": resets})
        if values:
            client.call("ModelConfig", "ModelSet", {"config": values})


def _checked_changes(changes: list[str], resets: list[str]) -> dict[str, Any]:
    from jujulab.cli.keyvalues import parse
    from jujulab_core.errors import JujulabError, UsageError

    values = parse(changes)
    if AGENT_VERSION in resets:
        raise JujulabError(f'"{AGENT_VERSION}" cannot be reset')
    if AGENT_VERSION in values:
        # The doubled quote is Juju's.
        raise JujulabError(
            f'"{AGENT_VERSION}"" must be set via "upgrade-model"',
            next_step=f"jujulab upgrade-model --agent-version {values[AGENT_VERSION]}",
        )
    for key in resets:
        if "=" in key:
            raise UsageError(f'--reset accepts a comma delimited set of keys "a,b,c", received: "{key}"')
        if key in values:
            raise UsageError(f'key "{key}" cannot be both set and reset in the same command')
    return values


def _warn_of_unknown(keys: list[str], client: Client) -> None:
    from jujulab_core.rollout import CONFIG_PREFIX, DEFAULTS

    # Those of rollouts are ours, and have no defaults.
    ours = {f"{CONFIG_PREFIX}{option}" for option in DEFAULTS}
    known = client.call("ModelConfig", "ModelGet")["config"]
    for key in keys:
        if key not in known and key not in ours:
            output.info(f'WARNING key "{key}" is not defined in the current model configuration: possible misspelling')


def _show(known: dict[str, Any], key: str | None, model: str, output_format: str) -> None:
    from jujulab.cli.table import render
    from jujulab_core.errors import JujulabError

    if key is not None and key not in known:
        raise JujulabError(f'key "{key}" not found in "{model}" model.')
    names = [key] if key is not None else sorted(known)
    tree = {name: {"value": known[name].get("value"), "source": known[name].get("source", "model")} for name in names}
    # Juju's YAML has its keys in small letters, its JSON not.
    shown = {name: {word.title(): text for word, text in entry.items()} for name, entry in tree.items()}
    data = shown if output_format == "json" else tree
    if key is not None:
        output.emit(data, output_format, lambda: _text(tree[key]["value"]))
        return
    # A table has one line a key; a certificate would make it unreadable.
    rows = [(name, entry["source"], _text(entry["value"]).split("\n")[0]) for name, entry in tree.items()]
    output.emit(data, output_format, lambda: render(("Attribute", "From", "Value"), rows))


def _text(value: Any) -> str:
    if value is None:
        return '""'
    return str(value).lower() if isinstance(value, bool) else str(value)
