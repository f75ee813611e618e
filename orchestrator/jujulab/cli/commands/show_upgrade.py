"""``show-upgrade``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import controller_option, format_option, utc_option

if TYPE_CHECKING:
    from jujulab.status.times import TimeForm


@juju_command(
    examples=[
        ("The newest:", "jujulab show-upgrade"),
        ("Follow one to its end:", "jujulab show-upgrade 3 --watch"),
    ],
    see_also=["upgrades", "upgrade-model", "status"],
)
@click.argument("upgrade_id", required=False, type=click.IntRange(1), metavar="[ID]")
@controller_option
@format_option()
@utc_option
@click.option("--watch", is_flag=True, help="Stay until it has ended; the exit code is that of --wait.")
@click.option("--timeout", default="30m", show_default=True, metavar="TIME", help="With --watch: when to stop waiting.")
def command(
    upgrade_id: int | None, controller: str | None, output_format: str, utc: bool, watch: bool, timeout: str
) -> None:
    """Show one upgrade, agent by agent, with phases, times and reasons; the newest, if none is named.

    Phases are pending, staging (fetching the new version), staged, swapping, restarting, verifying and done; or
    failed, rolled-back (put back to the old version), stranded (left in an unknown state) and skipped.
    """
    from jujulab.cli.durations import seconds
    from jujulab.cli.table import columns, render
    from jujulab.cli.watching import STILL_GOING, conclude, follow, latest
    from jujulab.session import connect_controller
    from jujulab.status import upgrades
    from jujulab.status.times import TimeForm
    from jujulab_core.errors import JujulabError
    from jujulab_core.waiting import Deadline

    deadline, times = Deadline(seconds(timeout), STILL_GOING), TimeForm.choose(utc)
    with connect_controller(controller) as session:
        if upgrade_id is None:
            newest = latest(session, None, deadline)
            if newest is None:
                raise JujulabError(
                    f"controller {session.controller.name} has no upgrades",
                    next_step="start one with upgrade-controller",
                )
            upgrade_id = int(newest["id"])
        if watch:
            follow(session, upgrade_id, deadline)
        record = session.client.call("LabUpgrades", "Get", {"id": upgrade_id})

    def tabular() -> str:
        head = columns([(f"{title}:", value) for title, value in _facts(record, times)])
        return f"{head}\n\n{render(upgrades.AGENT_HEADER, upgrades.agent_rows(record, times))}"

    output.emit(record, output_format, tabular)
    if watch:
        conclude(record)


def _facts(record: dict[str, Any], times: TimeForm) -> list[tuple[str, str]]:
    from jujulab.status import upgrades

    facts = {
        "Upgrade": str(record["id"]),
        "Model": record["model-name"],
        "Version": f"{record['from']} -> {record['to']}",
        "Status": record["status"],
        "Reason": record.get("reason") or "",
        "Started": f"{times.since(record['started'])} by {record['requested-by']}",
        "Took": upgrades.duration(record),
        "Machines": upgrades.progress(record)[0],
        "Rollout": ", ".join(f"{key} {value}" for key, value in (record.get("options") or {}).items() if value),
    }
    return [(title, value) for title, value in facts.items() if value]
