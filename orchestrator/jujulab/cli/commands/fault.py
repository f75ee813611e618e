"""``fault``."""

from __future__ import annotations

import threading

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import controller_option
from jujulab_core.errors import UsageError


@juju_command(
    examples=[
        ("Take the controller off the internet:", "jujulab fault internet-down"),
        ("Damage a release, and mend it again after a minute:", "jujulab fault corrupt-binary 2.6.10 --for 1m"),
        ("A slow line:", "jujulab fault slow-internet --option rate=256kbit"),
    ],
    see_also=["faults", "heal", "publish"],
)
@click.argument("kind")
@click.argument("targets", nargs=-1, metavar="[TARGET..]")
@controller_option
@click.option("--for", "duration", default="", metavar="TIME", help="Stay that long, then mend it again.")
@click.option("--option", "options", multiple=True, metavar="KEY=VALUE", help="How exactly; may be repeated.")
def command(
    kind: str, targets: tuple[str, ...], controller: str | None, duration: str, options: tuple[str, ...]
) -> None:
    """Break something of the lab on purpose.

    What is broken stays so, also when the lab is stopped and started, until `jujulab heal`; with --for the command
    stays and mends it itself, at the latest when it is interrupted. `jujulab faults --kinds` explains the kinds.
    """
    from jujulab.cli.durations import seconds
    from jujulab.faults import making
    from jujulab.faults.model import Scene
    from jujulab.lab.engine import Engine
    from jujulab.lab.provision import lab_of
    from jujulab.session import controller_name

    given = {}
    for text in options:
        key, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f'expected KEY=VALUE, got "{text}"')
        given[key] = value
    stay = seconds(duration) if duration else 0.0
    with Engine() as engine:
        scene = Scene(engine, lab_of(engine, controller_name(controller)))
        record = making.inject(scene, kind, targets, given)
        output.data(f"fault {record.id}: {' '.join([kind, *targets])}")
        if not duration:
            output.info(f"Next: jujulab heal {record.id}")
            return
        try:
            threading.Event().wait(stay)
        finally:
            making.heal(scene, record)
            output.info(f"fault {record.id} is mended")
