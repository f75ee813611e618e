"""``status``."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import format_option, model_option, utc_option

if TYPE_CHECKING:
    from jujulab.session import Session
    from jujulab.status.tree import Shape


@juju_command(
    examples=[
        ("The current model:", "jujulab status"),
        ("The controller itself, after its upgrade:", "jujulab status -m aws:controller"),
        ("Every two seconds, while it is upgraded:", "jujulab status --watch 2s"),
        ("Two applications and a machine, for a program:", "jujulab status ubuntu haproxy 3 --format json"),
    ],
    see_also=["machines", "models", "show-upgrade", "show-status-log"],
    aliases=["show-status"],
)
@click.argument("patterns", nargs=-1, metavar="[APPLICATION|UNIT|MACHINE]...")
@model_option
@format_option("tabular", "yaml", "json", "short", "oneline", "line", "summary")
@utc_option
@click.option("--relations", is_flag=True, help="Show the relations as well, in the table.")
@click.option("--storage", is_flag=True, help="Show storage as well; a lab's models have none.")
@click.option("--color", "colour", is_flag=True, help="Force colour, also where there is no terminal.")
@click.option("--retry-count", default=3, show_default=True, help="How often a failed call is tried again.")
@click.option("--retry-delay", default="100ms", show_default=True, metavar="TIME", help="Time between tries.")
@click.option("--watch", metavar="TIME", help="Show it again and again, with this time between, until interrupted.")
def command(
    patterns: tuple[str, ...],
    model: str | None,
    output_format: str,
    utc: bool,
    relations: bool,
    storage: bool,
    colour: bool,
    retry_count: int,
    retry_delay: str,
    watch: str | None,
) -> None:
    """Show the machines, applications and units of a model.

    Patterns leave only what matches: names of applications, of units and of machines, with the wildcard *.

    During an upgrade the version in the model's line is the one that was asked for; which agents run it by now
    is in the keys juju-status.version of --format yaml or json, and in `jujulab show-upgrade`.

    Times are local, or in UTC with --utc or JUJU_STATUS_ISO_TIME=true. The names of keys and columns are those
    of the client's version (see `jujulab version --help`): Juju 3's from 3.0 on.
    """
    from jujulab.cli.durations import seconds
    from jujulab.cli.fetch import full_status
    from jujulab.client_version import client_version
    from jujulab.session import connect_model
    from jujulab.status.times import TimeForm
    from jujulab.status.tree import Shape, is_mixed

    delay, interval = seconds(retry_delay), seconds(watch) if watch else 0.0
    if colour:
        click.get_current_context().color = True
    pause = threading.Event()
    while True:
        with connect_model(model) as session:
            wire = full_status(session, patterns, storage, retry_count, delay)
            client = client_version(session.store, session.controller.name)
            name = session.controller.name
            note = _upgrade(session) if output_format == "tabular" and is_mixed(wire) else ""
        if interval and sys.stdout.isatty():
            click.clear()
        shape = Shape((client.major, client.minor), TimeForm.choose(utc))
        show(wire, name, shape, output_format, relations=relations, storage=storage, filtered=bool(patterns))
        if note:
            output.info(f"\n{note}")
        if not interval:
            return
        sys.stdout.flush()
        pause.wait(interval)


def show(
    wire: dict[str, Any],
    controller: str,
    shape: Shape,
    output_format: str,
    *,
    relations: bool,
    storage: bool,
    filtered: bool,
) -> None:
    """Prints one answer of ``FullStatus`` in one of the forms."""
    from jujulab.status import text
    from jujulab.status.tree import build, relation_rows

    tree = build(wire, controller, shape, storage=storage)
    rows = relation_rows(wire) if relations else []
    makers = {"tabular": lambda: text.tabular(tree, shape, rows), "summary": lambda: text.summary(tree)}
    output.emit(tree, output_format, makers.get(output_format, lambda: text.oneline(tree)))
    if text.is_empty(tree):
        empty = f'Model "{tree["model"]["name"]}" is empty.'
        output.info("Nothing matched specified filters." if filtered else empty)


def _upgrade(session: Session) -> str:
    """Where the model's newest upgrade stands, in a sentence; nothing where there is nothing to say.

    It is ours and no part of Juju's table, so it is asked for only when the table shows that something is under way.
    """
    from jujulab.status.upgrades import standing

    found = session.client.call("LabUpgrades", "List", {"model-tag": session.model().tag})["upgrades"]
    return standing(found[0]) if found else ""
