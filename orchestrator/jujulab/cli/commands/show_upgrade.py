"""``show-upgrade``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import controller_option, format_option, utc_option
from jujulab.cli.upgradecontrol import id_argument, no_upgrades

if TYPE_CHECKING:
    from jujulab.status.times import TimeForm


@juju_command(
    examples=[
        ("The newest:", "jujulab show-upgrade"),
        ("The newest of a model:", "jujulab show-upgrade -m default"),
        ("Follow one to its end:", "jujulab show-upgrade 3 --watch"),
        ("All that ever happened in it, for a program:", "jujulab show-upgrade 3 --format json"),
    ],
    see_also=["upgrades", "upgrade-model", "pause-upgrade", "abort-upgrade", "retry-upgrade", "status"],
)
@id_argument
@click.option("-m", "--model", metavar="[CONTROLLER:]MODEL", help="The newest of this model.")
@controller_option
@format_option()
@utc_option
@click.option("--watch", is_flag=True, help="Stay until it has ended; the exit code is that of --wait.")
@click.option("--timeout", default="30m", show_default=True, metavar="TIME", help="With --watch: when to stop waiting.")
def command(
    upgrade_id: int | None,
    model: str | None,
    controller: str | None,
    output_format: str,
    utc: bool,
    watch: bool,
    timeout: str,
) -> None:
    """Show one upgrade, agent by agent, with phases, times and reasons; the newest, if none is named.

    Phases are pending, staging (fetching the new version), staged, swapping, restarting, verifying and done; or
    failed, rolling-back, returning, rolled-back (it has the old version again), stranded (it could not be put back)
    and skipped. Each has an owner, who is to be asked when it lasts: the agent, the orchestrator, or a human; and
    those that are no end have a deadline. YAML and JSON also have the history of each agent.

    With --watch it stays until the upgrade has ended: a live table on a terminal, a line for each change elsewhere.
    The exit code is then 0 when every agent runs the new version; 4 when machines failed, a stop rule stopped it, it
    was aborted or undone, or it waits for an answer (`resume-upgrade`); 5 when --timeout ended the wait.
    """
    from jujulab.cli.durations import seconds
    from jujulab.cli.table import columns, render
    from jujulab.cli.upgradelive import UpgradeShown
    from jujulab.cli.watching import STILL_GOING, conclude, events_of, follow, latest, newest
    from jujulab.session import connect_controller, connect_model
    from jujulab.status import upgrades
    from jujulab.status.times import TimeForm
    from jujulab_core.errors import JujulabError
    from jujulab_core.waiting import Deadline

    deadline, times = Deadline(seconds(timeout), STILL_GOING), TimeForm.choose(utc)
    with connect_model(model) if model else connect_controller(controller) as session:
        if upgrade_id is None:
            wanted = session.model() if model else None
            found = latest(session, wanted, deadline) if watch else newest(session, wanted)
            if found is None:
                if model:
                    raise no_upgrades(session.model())
                what = f"controller {session.controller.name} has no upgrades"
                raise JujulabError(what, next_step="start one with `jujulab upgrade-controller`")
            upgrade_id = int(found["id"])
        if watch:
            shown = UpgradeShown(times, lines_to_stdout=output_format == "tabular" and not sys.stdout.isatty())
            follow(session, upgrade_id, deadline, shown)
        record = upgrades.with_history(
            session.client.call("LabUpgrades", "Get", {"id": upgrade_id}), events_of(session.client, upgrade_id)
        )

    def tabular() -> str:
        head = columns([(f"{title}:", value) for title, value in _facts(record, times)])
        agents = render(upgrades.AGENT_HEADER, upgrades.agent_rows(record, times))
        return f"{chr(10) if watch and not sys.stdout.isatty() else ''}{head}\n\n{agents}"

    output.emit(record, output_format, tabular)
    if watch:
        conclude(record)


def _facts(record: dict[str, Any], times: TimeForm) -> list[tuple[str, str]]:
    from jujulab.status import upgrades
    from jujulab.status.upgradestory import machines_text

    facts = {
        "Upgrade": str(record["id"]),
        "Model": record["model-name"],
        "Version": f"{record['from']} -> {record['to']}",
        "Status": record["status"],
        "Reason": record.get("reason") or "",
        "Started": f"{times.since(record['started'])} by {record['requested-by']}",
        "Took": upgrades.duration(record),
        "Machines": upgrades.progress(record)[0],
        "Rollout": upgrades.rollout_text(record.get("options") or {}),
        "Accepted": machines_text(record.get("accepted") or ()),
        "Waits": f"for upgrade {record['waits-for']} of the controller" if record.get("waits-for") else "",
    }
    return [(title, value) for title, value in facts.items() if value]
