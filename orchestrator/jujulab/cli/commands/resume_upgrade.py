"""``resume-upgrade``."""

from __future__ import annotations

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import model_option
from jujulab.cli.upgradecontrol import id_argument


@juju_command(
    examples=[
        ("The newest upgrade of the current model:", "jujulab resume-upgrade"),
        (
            "It was paused because a check could not tell whether machine 3 is good, and you have looked:",
            "jujulab resume-upgrade --accept 3",
        ),
    ],
    see_also=["pause-upgrade", "abort-upgrade", "retry-upgrade", "show-upgrade"],
)
@id_argument
@model_option
@click.option("--accept", multiple=True, metavar="MACHINE", help="Take this machine as good; may be given repeatedly.")
def command(upgrade_id: int | None, model: str | None, accept: tuple[str, ...]) -> None:
    """Let a paused upgrade go on.

    An upgrade pauses by itself when a check cannot tell whether a machine is good. Resumed, it asks again; with
    --accept it takes the word of a person for it.

    Without ID it is the newest upgrade of the model.
    """
    from jujulab.cli.running import split
    from jujulab.cli.upgradecontrol import ask, chosen, title
    from jujulab.session import connect_model
    from jujulab.status.upgrades import progress
    from jujulab.status.upgradestory import machines_text

    machines = split(accept)
    with connect_model(model) as session:
        upgrade = ask(session, chosen(session, upgrade_id), "resume", machines)
    accepted = f" with {machines_text(machines)} taken as good" if machines else ""
    output.info(f"Resumed {title(upgrade)}{accepted}: {progress(upgrade)[0]}.")
    output.info(f"Follow it with: jujulab show-upgrade {upgrade['id']} --watch")
