"""``remove-unit``."""

from __future__ import annotations

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import model_option, removal_options


@juju_command(
    examples=[("Two units:", "jujulab remove-unit ubuntu/0 ubuntu/1")],
    see_also=["add-unit", "remove-machine"],
)
@click.argument("units", nargs=-1, metavar="UNIT...")
@model_option
@removal_options
def command(
    units: tuple[str, ...], model: str | None, force: bool, destroy_storage: bool, no_wait: bool, no_prompt: bool
) -> None:
    """Remove units from a model. Their machines stay."""
    from jujulab.session import connect_model
    from jujulab_core.errors import UsageError
    from jujulab_core.rpc.results import check_all
    from jujulab_core.tags import UNIT_RE, unit_tag

    if not units:
        raise UsageError("no units specified")
    for unit in units:
        if not UNIT_RE.fullmatch(unit):
            raise UsageError(f'invalid unit name "{unit}"')
    params = [{"unit-tag": unit_tag(u), "destroy-storage": destroy_storage, "force": force} for u in units]
    with connect_model(model) as session:
        answer = session.model_client().call("Application", "DestroyUnit", {"units": params})
    # Told also where another unit was refused.
    for unit, result in zip(units, answer["results"], strict=True):
        if not result.get("error"):
            output.info(f"removing unit {unit}")
    check_all(answer)
