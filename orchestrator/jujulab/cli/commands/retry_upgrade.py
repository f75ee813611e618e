"""``retry-upgrade``."""

from __future__ import annotations

import click

from jujulab.cli.framework import juju_command
from jujulab.cli.options import model_option


@juju_command(
    examples=[
        ("All machines that have not made it, once they are mended:", "jujulab retry-upgrade --wait"),
        ("Only machine 3:", "jujulab retry-upgrade 3"),
        ("Of another model's newest upgrade:", "jujulab retry-upgrade -m aws:default"),
    ],
    see_also=["show-upgrade", "abort-upgrade", "upgrade-model"],
)
@click.argument("machines", nargs=-1, metavar="[MACHINE]...")
@model_option
@click.option("--id", "upgrade_id", type=click.IntRange(1), metavar="ID", help="This upgrade. By default the newest.")
@click.option("--wait", is_flag=True, help="Stay until it has ended, show progress, and exit by the result.")
@click.option("--timeout", default="30m", show_default=True, metavar="TIME", help="With --wait: when to stop waiting.")
def command(machines: tuple[str, ...], model: str | None, upgrade_id: int | None, wait: bool, timeout: str) -> None:
    """Try machines of an upgrade again that failed, were rolled back, stranded or skipped.

    Without machines it is all of these. The upgrade goes on as it was asked for: in waves, with its checks and its
    stop rule. A version that its failed machines have brought into quarantine leaves it.

    With --wait the exit code is that of `upgrade-model --wait`.
    """
    from jujulab.cli.durations import seconds
    from jujulab.cli.upgradecontrol import ask_and_follow, chosen, title
    from jujulab.cli.watching import STILL_GOING, conclude
    from jujulab.session import connect_model
    from jujulab_core.waiting import Deadline

    deadline = Deadline(seconds(timeout), STILL_GOING) if wait else None
    with connect_model(model) as session:
        number = chosen(session, upgrade_id)
        ended = ask_and_follow(
            session, number, "retry", machines, deadline, lambda upgrade: f"Trying {title(upgrade)} again"
        )
    if ended is not None:
        conclude(ended)
