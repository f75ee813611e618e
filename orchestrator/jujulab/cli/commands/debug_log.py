"""``debug-log``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import Any

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import model_option

LEVELS = ("TRACE", "DEBUG", "INFO", "WARNING", "ERROR")
_COLOURS = {
    "TRACE": "",
    "DEBUG": "green",
    "INFO": "bright_blue",
    "WARNING": "yellow",
    "ERROR": "red",
    "CRITICAL": "red",
}


@juju_command(
    examples=[
        ("The last ten lines, and what comes:", "jujulab debug-log"),
        (
            "All that the upgrader of machine 2 ever said:",
            "jujulab debug-log --replay --no-tail -i 2 --include-module juju.worker.upgrader",
        ),
    ],
    see_also=["status", "ssh", "show-status-log"],
)
@model_option
@click.option("-i", "--include", multiple=True, metavar="ENTITY", help="Only these: machine-0, 0, ubuntu/0.")
@click.option("-x", "--exclude", multiple=True, metavar="ENTITY", help="Not these.")
@click.option("--include-module", multiple=True, metavar="MODULE", help="Only these modules and those below them.")
@click.option("--exclude-module", multiple=True, metavar="MODULE", help="Not these modules.")
@click.option("-l", "--level", type=click.Choice(LEVELS, case_sensitive=False), help="This level and above.")
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(0),
    metavar="N",
    default=10,
    show_default=True,
    help="Lines of the past to show first.",
)
@click.option("--limit", type=click.IntRange(0), metavar="N", default=0, help="Stop after so many lines.")
@click.option("--replay", is_flag=True, help="Show all of the past.")
@click.option("--tail", is_flag=True, help="Stay and show what comes; on a terminal that is the default.")
@click.option("--no-tail", is_flag=True, help="Stop after the past.")
@click.option("--date", is_flag=True, help="Show dates as well.")
@click.option("--ms", is_flag=True, help="Show milliseconds.")
@click.option("--utc", is_flag=True, help="Show times in UTC.")
@click.option("--location", is_flag=True, help="Show file and line.")
@click.option("--color", "colour", is_flag=True, help="Force colour, also where there is no terminal.")
def command(model: str | None, **given: Any) -> None:
    """Show the log of a model's agents.

    A line is the agent, the time, the level, the module and the message.
    """
    from jujulab.cli.logstream import records
    from jujulab.session import connect_model
    from jujulab_core.errors import UsageError

    if given["tail"] and given["no_tail"]:
        raise UsageError("setting --tail and --no-tail not valid")
    stays = given["tail"] or (sys.stdout.isatty() and not given["no_tail"])
    query = {
        "backlog": given["lines"] if not given["replay"] else None,
        "maxLines": given["limit"] or None,
        "noTail": None if stays else "true",
        "replay": "true" if given["replay"] else None,
        "level": (given["level"] or "").upper(),
        "includeEntity": [entity_tag(name) for name in given["include"]],
        "excludeEntity": [entity_tag(name) for name in given["exclude"]],
        "includeModule": given["include_module"],
        "excludeModule": given["exclude_module"],
    }
    if given["colour"]:
        click.get_current_context().color = True
    with connect_model(model) as session:
        for record in records(session, session.model(), query):
            output.data(line(record, given))
            sys.stdout.flush()


def entity_tag(name: str) -> str:
    """``machine-0`` for ``0``, ``unit-ubuntu-0`` for ``ubuntu/0``; a tag stays as it is."""
    from jujulab_core.tags import MACHINE_RE, UNIT_RE, machine_tag, unit_tag

    if MACHINE_RE.fullmatch(name):
        return machine_tag(name)
    return unit_tag(name) if UNIT_RE.fullmatch(name) else name


def line(record: dict[str, Any], given: Mapping[str, Any], zone: tzinfo | None = None) -> str:
    """A record as a line: ``machine-0: 15:04:05 INFO juju.worker.upgrader message``.

    Args:
        record: As it comes from the stream.
        given: The command's options ``date``, ``ms``, ``utc`` and ``location``.
        zone: The local zone; None is that of this host.
    """
    from jujulab.status.times import parse

    moment = parse(record["ts"]).astimezone(UTC if given["utc"] else zone)
    clock = moment.strftime("%Y-%m-%d %H:%M:%S" if given["date"] else "%H:%M:%S")
    if given["ms"]:
        clock += f".{moment.microsecond // 1000:03d}"
    level = str(record["sev"])
    where = f"{record['loc']} " if given["location"] and record.get("loc") else ""
    shown = click.style(level, fg=_COLOURS[level]) if _COLOURS.get(level) else level
    return f"{record['tag']}: {clock} {shown} {record['mod']} {where}{record['msg']}"
