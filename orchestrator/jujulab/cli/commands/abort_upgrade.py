"""``abort-upgrade``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from jujulab.cli.framework import juju_command
from jujulab.cli.options import model_option
from jujulab.cli.upgradecontrol import id_argument

if TYPE_CHECKING:
    from jujulab_core.rules.control import Action


@juju_command(
    examples=[
        ("Stop the current model's upgrade where it is:", "jujulab abort-upgrade"),
        ("Put the whole model back to the version it had:", "jujulab abort-upgrade --rollback --wait"),
    ],
    see_also=["pause-upgrade", "retry-upgrade", "show-upgrade", "upgrade-model"],
)
@id_argument
@model_option
@click.option("--rollback", is_flag=True, help="Also put machines back that have the new version.")
@click.option("--wait", is_flag=True, help="Stay until it has ended, show progress, and exit by the result.")
@click.option("--timeout", default="30m", show_default=True, metavar="TIME", help="With --wait: when to stop waiting.")
def command(upgrade_id: int | None, model: str | None, rollback: bool, wait: bool, timeout: str) -> None:
    """End an upgrade before it is complete, or undo it.

    Machines that wait are left alone; those whose agents are being exchanged go on to their end. What is done
    stays, and `retry-upgrade` takes the upgrade up again. One that has failed still takes up machines that come
    back; aborted, it does so no more.

    With --rollback the model's version goes back to the one it had, and every machine that was touched is put back
    to it; so can an upgrade be undone that has ended. The version is then quarantined for this model: it is
    not chosen again, and refused, until `upgrade-model --lift-quarantine`. A machine that cannot be put back is
    shown as stranded, with what to do by hand; the same command tries it once more.

    A controller that has started on the new version has upgraded its database and cannot go back; restore a backup.

    Without ID it is the newest upgrade of the model. With --wait the exit code is 0 when every machine is where it
    should be, 4 when one failed or is stranded, 5 when --timeout ended the wait.
    """
    from jujulab.cli.durations import seconds
    from jujulab.cli.upgradecontrol import ask_and_follow, chosen, title
    from jujulab.cli.watching import STILL_GOING, conclude_abort
    from jujulab.session import connect_model
    from jujulab_core.waiting import Deadline

    def saying(upgrade: dict[str, Any]) -> str:
        is_over = upgrade["status"] == "aborted"
        if rollback and is_over:
            return f"Model {upgrade['model-name']} is back at {upgrade['from']}: nothing is to be put back"
        if rollback:
            return f"Putting model {upgrade['model-name']} back from {upgrade['to']} to {upgrade['from']}"
        if not is_over:
            return f"Aborting: {title(upgrade)}"
        # Over at once is only what had failed.
        how = "Aborted, so that machines that come back are left alone" if upgrade["changed"] else "Aborted already"
        return f"{how}: {title(upgrade)}"

    deadline = Deadline(seconds(timeout), STILL_GOING) if wait else None
    action: Action = "roll-back" if rollback else "abort"
    with connect_model(model) as session:
        ended = ask_and_follow(session, chosen(session, upgrade_id), action, (), deadline, saying)
    if ended is not None:
        conclude_abort(ended)
