"""``faults``."""

from __future__ import annotations

from collections.abc import Mapping

import click

from jujulab.cli import output, table
from jujulab.cli.framework import juju_command
from jujulab.cli.options import controller_option, format_option, utc_option


@juju_command(
    examples=[("What is broken:", "jujulab faults"), ("What could be:", "jujulab faults --kinds")],
    see_also=["fault", "heal"],
)
@controller_option
@click.option("--kinds", "explain", is_flag=True, help="Explain the kinds of faults instead.")
@format_option()
@utc_option
def command(controller: str | None, explain: bool, output_format: str, utc: bool) -> None:
    """List what is broken on purpose."""
    from jujulab.faults.ledger import Ledger
    from jujulab.faults.making import heal_overdue
    from jujulab.faults.model import Scene
    from jujulab.faults.registry import kinds
    from jujulab.lab.engine import Engine
    from jujulab.lab.provision import lab_of
    from jujulab.session import controller_name
    from jujulab.status.times import TimeForm

    times = TimeForm.choose(utc)
    if explain:
        known = [
            {"kind": kind.name, "help": kind.help, "targets": kind.takes, "options": dict(kind.options)}
            for kind in kinds().values()
        ]
        lines = [(kind.name, kind.takes or "-", _pairs(kind.options), kind.help) for kind in kinds().values()]
        output.emit(
            {"kinds": known}, output_format, lambda: table.render(("Kind", "Target", "Options", "What it does"), lines)
        )
        return
    with Engine() as engine:
        scene = Scene(engine, lab_of(engine, controller_name(controller)))
        for record in heal_overdue(scene):
            output.info(f"fault {record.id} was to be mended at {times.since(record.until)}, and is now: {record}")
        records = Ledger(engine, scene.lab).records()
    found = [
        {
            "id": record.id,
            "kind": record.kind,
            "targets": list(record.targets),
            "options": dict(record.options),
            "began": record.began,
            "until": record.until,
            "did": list(record.did),
        }
        for record in records
    ]
    rows = [
        (
            str(record.id),
            record.kind,
            ", ".join(record.targets) or "-",
            _pairs(record.options),
            times.since(record.began),
            times.since(record.until) or "-",
            "; ".join(record.did),
        )
        for record in records
    ]
    output.emit(
        {"faults": found},
        output_format,
        lambda: (
            table.render(("Id", "Kind", "Targets", "Options", "Since", "Until", "What was done"), rows) if rows else ""
        ),
    )
    if not rows:
        output.info("nothing is broken on purpose")


def _pairs(options: Mapping[str, str]) -> str:
    return " ".join(f"{key}={value}" for key, value in options.items() if value) or "-"
