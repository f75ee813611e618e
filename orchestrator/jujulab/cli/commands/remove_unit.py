"""``remove-unit``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import model_option, removal_options

if TYPE_CHECKING:
    from jujulab.session import Session


@juju_command(
    examples=[
        ("Two units:", "jujulab remove-unit ubuntu/0 ubuntu/1"),
        ("The two newest units of an application:", "jujulab remove-unit ubuntu --num-units 2"),
    ],
    see_also=["add-unit", "remove-machine"],
)
@click.argument("units", nargs=-1, metavar="UNIT...|APPLICATION")
@model_option
@click.option("--num-units", type=click.IntRange(1), metavar="N", help="How many units of the application to remove.")
@removal_options
def command(
    units: tuple[str, ...],
    model: str | None,
    num_units: int | None,
    force: bool,
    destroy_storage: bool,
    no_wait: bool,
    no_prompt: bool,
) -> None:
    """Remove units from a model. Their machines stay."""
    from jujulab.session import connect_model
    from jujulab_core.errors import UsageError
    from jujulab_core.rpc.results import check_all
    from jujulab_core.tags import APPLICATION_RE, UNIT_RE, unit_tag

    if not units:
        raise UsageError("no units specified")
    if num_units and (len(units) > 1 or not APPLICATION_RE.fullmatch(units[0])):
        raise UsageError("--num-units is about one application", next_step="name an application and no unit")
    for unit in units:
        if not num_units and not UNIT_RE.fullmatch(unit):
            raise UsageError(f'invalid unit name "{unit}"')
    with connect_model(model) as session:
        if num_units:
            units = _newest(session, units[0], num_units)
        params = [{"unit-tag": unit_tag(u), "destroy-storage": destroy_storage, "force": force} for u in units]
        answer = session.model_client().call("Application", "DestroyUnit", {"units": params})
    # Told also where another unit was refused.
    for unit, result in zip(units, answer["results"], strict=True):
        if not result.get("error"):
            output.info(f"removing unit {unit}")
    check_all(answer)


def _newest(session: Session, application: str, count: int) -> tuple[str, ...]:
    """The units of an application that came last, the newest first."""
    from jujulab.cli.fetch import full_status
    from jujulab_core.errors import UsageError

    known = full_status(session, [application])["applications"].get(application)
    if known is None:
        raise UsageError(f'application "{application}" not found')
    names = sorted(known["units"], key=lambda name: int(name.rpartition("/")[2]), reverse=True)
    if len(names) < count:
        raise UsageError(f'cannot remove {count} units of "{application}": it has {len(names)}')
    return tuple(names[:count])
