"""``heal``."""

from __future__ import annotations

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import controller_option
from jujulab_core.errors import UsageError


@juju_command(
    examples=[("One fault:", "jujulab heal 1"), ("All of them:", "jujulab heal --all")],
    see_also=["fault", "faults"],
)
@click.argument("ids", nargs=-1, type=int, metavar="[ID..]")
@controller_option
@click.option("--all", "everything", is_flag=True, help="Mend all that is broken on purpose.")
def command(ids: tuple[int, ...], controller: str | None, everything: bool) -> None:
    """Mend what was broken on purpose; the newest first."""
    from jujulab.faults.ledger import Ledger
    from jujulab.faults.making import heal
    from jujulab.faults.model import Scene
    from jujulab.lab.engine import Engine
    from jujulab.lab.provision import lab_of
    from jujulab.session import controller_name

    if bool(ids) == everything:
        raise UsageError("name the faults to mend by their ids, or give --all", next_step="see `jujulab faults`")
    with Engine() as engine:
        scene = Scene(engine, lab_of(engine, controller_name(controller)))
        ledger = Ledger(engine, scene.lab)
        records = ledger.records() if everything else [ledger.find(number) for number in dict.fromkeys(ids)]
        for record in sorted(records, key=lambda record: record.id, reverse=True):
            heal(scene, record)
            output.info(f"fault {record.id} is mended: {record}")
    if not records:
        output.info("nothing is broken on purpose")
