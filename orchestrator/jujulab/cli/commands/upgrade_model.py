"""``upgrade-model``."""

from __future__ import annotations

from typing import Any

from jujulab.cli.framework import juju_command
from jujulab.cli.options import model_option
from jujulab.cli.upgradeoptions import upgrade_options


@juju_command(
    examples=[
        ("To the newest version that Juju's rule allows:", "jujulab upgrade-model"),
        ("The controller itself, which comes first:", "jujulab upgrade-model -m aws:controller"),
        ("To a version, staying until every agent runs it:", "jujulab upgrade-model --agent-version 2.6.10 --wait"),
        ("From another stream:", "jujulab upgrade-model --agent-stream proposed"),
        (
            "Carefully: one machine, then a quarter at a time, and stop at the second failure:",
            "jujulab upgrade-model --wait --canary 1 --batch 25% --max-failures 1",
        ),
    ],
    see_also=["upgrade-controller", "show-upgrade", "status", "what-if", "streams"],
    aliases=["upgrade-juju"],
)
@model_option
@upgrade_options
def command(model: str | None, **given: Any) -> None:
    """Upgrade Juju on all machines of a model.

    Upgrade the controller before other models: none may be newer than its controller.

    Without --agent-version the newest version of the next minor number is chosen, or else the newest of the same
    minor number. The command asks the controller and returns; the agents fetch the new version from the controller,
    and the orchestrator then restarts them. With --wait it stays, and its exit code tells the result: 0 when every
    agent runs the new version, 4 when machines failed or a stop rule stopped it, 5 when --timeout ended the wait.

    Without --canary, --batch, --max-failures and --health-time it goes Juju's way: everything at once, a failed
    agent is tried again, nothing is rolled back by itself. With any of them a machine that fails is put back to the
    version it had, unless --no-rollback is given.
    """
    from jujulab.cli.upgrading import checked, upgrade
    from jujulab.session import connect_model

    wanted = checked(given)
    with connect_model(model) as session:
        upgrade(session, "upgrade-model", wanted)
