"""``upgrade-controller``."""

from __future__ import annotations

from typing import Any

from jujulab.cli.framework import juju_command
from jujulab.cli.options import controller_option
from jujulab.cli.upgradeoptions import upgrade_options


@juju_command(
    examples=[
        (
            "To the newest version that Juju's rule allows, staying until it is done:",
            "jujulab upgrade-controller --wait",
        ),
        ("Only say which version that would be:", "jujulab upgrade-controller --dry-run"),
    ],
    see_also=["upgrade-model", "show-upgrade", "status"],
)
@controller_option
@upgrade_options
def command(controller: str | None, **given: Any) -> None:
    """Upgrade Juju on a controller, that is, its model `controller`.

    It comes before the upgrade of other models. While the controller restarts, other commands wait for it or are
    told that an upgrade is in progress; with --wait this command stays until it is over.
    """
    from jujulab.cli.upgrading import checked, upgrade
    from jujulab.session import connect_model, controller_name

    wanted = checked(given)
    with connect_model(f"{controller_name(controller)}:admin/controller") as session:
        upgrade(session, "upgrade-controller", wanted)
