"""``disabled-commands``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import format_option, model_option

if TYPE_CHECKING:
    from jujulab.session import Session

_TITLES = {"command-set": "Disabled commands", "message": "Message"}
_TITLES_OF_ALL = {
    "name": "Name",
    "model-uuid": "Model UUID",
    "owner": "Owner",
    "disabled-commands": "Disabled commands",
}


@juju_command(
    examples=[("Of the current model:", "jujulab disabled-commands"), ("Of all:", "jujulab disabled-commands --all")],
    see_also=["disable-command", "enable-command"],
    aliases=["list-disabled-commands"],
)
@model_option
@format_option()
@click.option("--all", "show_all", is_flag=True, help="Show those of all models of the controller.")
def command(model: str | None, output_format: str, show_all: bool) -> None:
    """List what a model is protected from, with the message for whoever is refused."""
    from jujulab.cli.table import render
    from jujulab.session import connect_model

    with connect_model(model) as session:
        rows = _of_all(session) if show_all else _of_model(session)
    if not rows and output_format == "tabular":
        output.info("No commands are currently disabled.")
        return
    titles = _TITLES_OF_ALL if show_all else _TITLES
    cells = [[_text(row.get(key, "")) for key in titles] for row in rows]
    output.emit(rows, output_format, lambda: render(list(titles.values()), cells))


def _text(value: str | list[str]) -> str:
    return value if isinstance(value, str) else ", ".join(value)


def _of_model(session: Session) -> list[dict[str, Any]]:
    from jujulab.cli.blocks import SETS
    from jujulab_core.rpc.results import check_all

    answer = session.model_client().call("Block", "List")
    blocks = [result["result"] for result in check_all(answer)]
    return [
        {"command-set": SETS[block["type"]]} | ({"message": block["message"]} if block.get("message") else {})
        for block in blocks
    ]


def _of_all(session: Session) -> list[dict[str, Any]]:
    from jujulab.cli.blocks import SETS

    answer = session.client.call("Controller", "ListBlockedModels")
    return [
        {
            "name": entry["name"],
            "model-uuid": entry["model-uuid"],
            "owner": entry["owner-tag"].removeprefix("user-"),
            "disabled-commands": [SETS[block] for block in entry["blocks"]],
        }
        for entry in answer.get("models") or ()
    ]
