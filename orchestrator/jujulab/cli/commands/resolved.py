"""``resolved``."""

from __future__ import annotations

import click

from jujulab.cli.framework import juju_command
from jujulab.cli.options import model_option


@juju_command(
    examples=[("One unit:", "jujulab resolved ubuntu/0"), ("All that have an error:", "jujulab resolved --all")],
    see_also=["status", "show-status-log"],
)
@click.argument("units", nargs=-1, metavar="UNIT...")
@model_option
@click.option("--all", "everywhere", is_flag=True, help="Mark all units in error as resolved.")
@click.option("--no-retry", is_flag=True, help="Do not run the failed hook again.")
def command(units: tuple[str, ...], model: str | None, everywhere: bool, no_retry: bool) -> None:
    """Mark the errors of units as resolved."""
    from jujulab.session import connect_model
    from jujulab_core.errors import UsageError
    from jujulab_core.rpc.results import check_all
    from jujulab_core.tags import UNIT_RE, unit_tag

    if everywhere == bool(units):
        raise UsageError("specify unit names or --all" if everywhere else "no unit specified")
    for unit in units:
        if not UNIT_RE.fullmatch(unit):
            raise UsageError(f'unit name "{unit}" not valid')
    tags = {"entities": [{"tag": unit_tag(unit)} for unit in units]}
    params = {"all": everywhere, "retry": not no_retry, "tags": tags}
    with connect_model(model) as session:
        check_all(session.model_client().call("Application", "ResolveUnitErrors", params))
