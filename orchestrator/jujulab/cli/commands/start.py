"""``start``."""

from __future__ import annotations

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.steps import steps


@juju_command(examples=[("Start the only lab again:", "jujulab start")], see_also=["stop", "up", "labs"])
@click.argument("lab", required=False)
@click.option("--timeout", type=click.FloatRange(1), default=300, show_default=True, help="Seconds for the whole.")
def command(lab: str | None, timeout: float) -> None:
    """Start a stopped lab again, with everything that it had.

    The command returns when every agent has logged in. What is broken on purpose stays so (`jujulab faults`); the
    agents are then not waited for.
    """
    from jujulab.faults import making
    from jujulab.faults.kinds.machine_stop import KIND as MACHINE_STOP
    from jujulab.faults.ledger import Ledger
    from jujulab.faults.model import Scene
    from jujulab.lab import lifecycle
    from jujulab.lab.engine import Engine

    with Engine() as engine, steps() as report:
        chosen = lifecycle.choose(engine, lab)
        # Without them nobody could tell when the lab is up.
        lifecycle.secrets_of(chosen)
        scene = Scene(engine, chosen)
        making.heal_overdue(scene)
        off = {
            target.container
            for record in Ledger(engine, chosen).records()
            for target in record.on.values()
            if record.kind == MACHINE_STOP.name
        }
        lifecycle.start(engine, chosen, report, off)
        broken = making.renew(scene)
        if not broken:
            lifecycle.wait_until_ready(engine, chosen, timeout, report)
    output.info(f'lab "{chosen}" is up again')
    for record in broken:
        output.info(f"fault {record.id} is in force: {record}")
