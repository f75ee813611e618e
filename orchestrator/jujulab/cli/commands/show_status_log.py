"""``show-status-log``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import format_option, model_option, utc_option

TYPES = (
    "application",
    "container",
    "juju-container",
    "juju-machine",
    "juju-unit",
    "machine",
    "model",
    "unit",
    "workload",
)


@juju_command(
    examples=[
        ("Of a unit:", "jujulab show-status-log ubuntu/0"),
        ("Of a machine's agent, the last five:", "jujulab show-status-log 0 --type juju-machine -n 5"),
    ],
    see_also=["status", "debug-log"],
)
@click.argument("entity", metavar="UNIT|MACHINE")
@model_option
@format_option()
@utc_option
@click.option("-n", "count", type=click.IntRange(1), metavar="N", help="How many. By default 20.")
@click.option("--days", type=click.IntRange(1), metavar="N", help="Those of so many days; instead of -n.")
@click.option("--from-date", metavar="YYYY-MM-DD", help="Those from this day on; instead of -n.")
@click.option("--type", "kind", type=click.Choice(TYPES), help="By default unit, or juju-machine for a machine.")
@click.option("--include-status-updates", is_flag=True, help="Include the messages of update-status hooks.")
def command(
    entity: str,
    model: str | None,
    output_format: str,
    utc: bool,
    count: int | None,
    days: int | None,
    from_date: str | None,
    kind: str | None,
    include_status_updates: bool,
) -> None:
    """Show the past statuses of a machine or unit, the oldest first."""
    from jujulab.cli.table import render
    from jujulab.session import connect_model
    from jujulab.status.text import coloured
    from jujulab.status.times import TimeForm
    from jujulab_core.errors import UsageError
    from jujulab_core.rpc.results import check
    from jujulab_core.tags import MACHINE_RE, UNIT_RE, machine_tag, unit_tag

    if sum(option is not None for option in (count, days, from_date)) > 1:
        raise UsageError("specify at most one of -n, --days and --from-date")
    is_machine = bool(MACHINE_RE.fullmatch(entity))
    if not is_machine and not UNIT_RE.fullmatch(entity):
        raise UsageError(f'"{entity}" is not a valid name for a machine or unit')
    request = {
        "historyKind": kind or ("juju-machine" if is_machine else "unit"),
        "tag": machine_tag(entity) if is_machine else unit_tag(entity),
        "filter": _filter(count, days, from_date)
        | ({} if include_status_updates else {"exclude": ["running update-status hook"]}),
    }
    with connect_model(model) as session:
        answer = session.model_client().call("Client", "StatusHistory", {"requests": [request]})
    history = check(answer["results"][0]).get("history") or {}
    statuses = check(history).get("statuses") or []
    times = TimeForm.choose(utc)
    rows: list[dict[str, Any]] = [
        {
            "status": entry.get("status", ""),
            "message": entry.get("info", ""),
            "since": times.since(entry.get("since")),
            "type": entry.get("kind", ""),
        }
        for entry in sorted(statuses, key=lambda entry: str(entry.get("since") or ""))
    ]
    cells = [(row["since"], row["type"], coloured(row["status"]), row["message"]) for row in rows]
    output.emit(rows, output_format, lambda: render(("Time", "Type", "Status", "Message"), cells))


def _filter(count: int | None, days: int | None, from_date: str | None) -> dict[str, Any]:
    from jujulab_core.errors import UsageError

    if days is not None:
        return {"date": (datetime.now(UTC) - timedelta(days=days)).isoformat()}
    if from_date is not None:
        try:
            return {"date": datetime.strptime(from_date, "%Y-%m-%d").astimezone().isoformat()}
        except ValueError as error:
            raise UsageError(f'"{from_date}" is not a day', next_step="write it as 2026-01-31") from error
    return {"size": count or 20}
