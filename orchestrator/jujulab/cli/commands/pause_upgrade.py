"""``pause-upgrade``."""

from __future__ import annotations

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import model_option
from jujulab.cli.upgradecontrol import id_argument


@juju_command(
    examples=[
        ("The newest upgrade of the current model:", "jujulab pause-upgrade"),
        ("Of another model:", "jujulab pause-upgrade -m aws:default"),
        ("Upgrade 3, whatever its model:", "jujulab pause-upgrade 3"),
    ],
    see_also=["resume-upgrade", "abort-upgrade", "show-upgrade"],
)
@id_argument
@model_option
def command(upgrade_id: int | None, model: str | None) -> None:
    """Pause an upgrade: no further machine starts.

    When the command returns, no machine starts any more. Machines whose agents are being exchanged at this moment
    go on to their end. Others may still fetch the new version; they are not restarted.

    Without ID it is the newest upgrade of the model. `resume-upgrade` lets it go on.
    """
    from jujulab.cli.upgradecontrol import ask, chosen, title
    from jujulab.session import connect_model
    from jujulab.status.upgrades import progress

    with connect_model(model) as session:
        upgrade = ask(session, chosen(session, upgrade_id), "pause")
    output.info(f"Paused {title(upgrade)}: {progress(upgrade)[0]}.")
    output.info(f"Let it go on with: jujulab resume-upgrade {upgrade['id']}")
