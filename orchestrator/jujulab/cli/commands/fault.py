"""``fault``."""

from __future__ import annotations

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import controller_option, utc_option
from jujulab_core.errors import UsageError


def _kinds() -> list[tuple[str, str]]:
    from jujulab.faults.registry import kinds

    return [(kind.name, kind.explanation) for kind in kinds().values()]


@juju_command(
    examples=[
        ("Take the controller off the internet:", "jujulab fault internet-down"),
        ("Fill the disk of a machine, and mend it again after five minutes:", "jujulab fault disk-full 2 --for 5m"),
        ("Stop the agent of a unit:", "jujulab fault agent-stop default:ubuntu/0"),
        (
            "A slow line to two machines:",
            "jujulab fault slow-network machine-1 machine-2 --option rate=256kbit --option loss=5%",
        ),
    ],
    see_also=["faults", "heal", "publish"],
    lists=[("Kinds", _kinds)],
)
@click.argument("kind")
@click.argument("targets", nargs=-1, metavar="[TARGET..]")
@controller_option
@click.option("--for", "duration", default="", metavar="TIME", help="Mend it again after this time, such as 5m.")
@click.option("--option", "options", multiple=True, metavar="KEY=VALUE", help="How exactly; may be repeated.")
@utc_option
def command(
    kind: str, targets: tuple[str, ...], controller: str | None, duration: str, options: tuple[str, ...], utc: bool
) -> None:
    """Break something of the lab on purpose.

    What is broken stays so, also when the lab is stopped and started, until `jujulab heal`, `jujulab down`, or the time
    that --for gives, for which the command does not wait.

    A target is a machine (machine-2, or with its model default:machine-2), a unit (ubuntu/0: its agent, or its
    machine), the controller or the orchestrator; or whatever else the kind says.
    """
    from jujulab.cli.durations import seconds
    from jujulab.faults import keeper, making
    from jujulab.faults.model import Scene
    from jujulab.faults.registry import find
    from jujulab.lab.engine import Engine
    from jujulab.lab.provision import lab_of
    from jujulab.session import controller_name
    from jujulab.status.times import TimeForm

    given = {}
    for text in options:
        key, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f'expected KEY=VALUE, got "{text}"')
        given[key] = value
    after = seconds(duration) if duration else None
    with Engine() as engine:
        chosen = controller_name(controller)
        scene = Scene(engine, lab_of(engine, chosen))
        making.heal_overdue(scene)
        record = making.inject(scene, chosen, kind, targets, given, after)
        if record.until:
            keeper.start(scene.lab, record)
    over = find(kind).at_once
    for line in record.did:
        output.data(line if over else f"fault {record.id}: {line}")
    if record.until:
        output.info(f"it is mended by itself at {TimeForm.choose(utc).since(record.until)}")
    if not over:
        output.info(f"Next: jujulab heal {record.id}")
