"""``users``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import controller_option, format_option


@juju_command(
    examples=[
        ("Those of the controller:", "jujulab users"),
        ("Those who may see a model, and what they may do:", "jujulab users default"),
    ],
    see_also=["whoami", "show-model"],
    aliases=["list-users"],
)
@click.argument("model", required=False)
@controller_option
@format_option()
@click.option("--all", "show_all", is_flag=True, help="Include disabled users.")
@click.option("--exact-time", is_flag=True, help="Show full times.")
def command(model: str | None, controller: str | None, output_format: str, show_all: bool, exact_time: bool) -> None:
    """List the users of a controller, or of one of its models.

    You have a star.
    """
    from jujulab.cli.modeltree import filled
    from jujulab.cli.table import render
    from jujulab.session import connect_controller
    from jujulab.status.times import TimeForm, ago
    from jujulab_core.rpc.results import check

    now, times = datetime.now(UTC), TimeForm()

    def shown(wire: str | None) -> str:
        return (times.since(wire) or "never connected") if exact_time else ago(wire, now)

    with connect_controller(controller) as session:
        if model:
            entities: dict[str, Any] = {"entities": [{"tag": session.find_model(model).tag}]}
            answer = session.client.call("ModelManager", "ModelInfo", entities)
            wires = check(answer["results"][0])["result"].get("users") or []
            wires = [wire | {"username": wire["user"]} for wire in wires]
        else:
            params = {"entities": None, "include-disabled": show_all}
            answer = session.client.call("UserManager", "UserInfo", params)
            wires = [check(result)["result"] for result in answer.get("results") or ()]
    users = [
        filled(
            {
                "user-name": wire["username"].removesuffix("@local"),
                "display-name": wire.get("display-name"),
                "access": wire.get("access"),
                "date-created": shown(wire["date-created"]) if wire.get("date-created") else None,
                "last-connection": shown(wire.get("last-connection")),
                "disabled": wire.get("disabled") or None,
            }
        )
        for wire in sorted(wires, key=lambda wire: str(wire["username"]))
    ]
    titles = {"user-name": "Name", "display-name": "Display name", "access": "Access"}
    titles |= {} if model else {"date-created": "Date created"}
    titles["last-connection"] = "Last connection"
    rows = [[str(user.get(key, "")) for key in titles] for user in users]
    for row in rows:
        row[0] += "*" if row[0] == session.account.user else ""
    table = render(list(titles.values()), rows)
    output.emit(users, output_format, lambda: table if model else f"Controller: {session.controller.name}\n\n{table}")
