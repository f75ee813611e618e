"""``deploy``."""

from __future__ import annotations

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import ignored_option, model_option


@juju_command(
    examples=[
        ("One unit on a new machine:", "jujulab deploy ubuntu"),
        ("Two units under another name, on machines that are there:", "jujulab deploy ubuntu web -n 2 --to 0,1"),
    ],
    see_also=["add-unit", "remove-unit", "status"],
)
@click.argument("charm")
@click.argument("application", required=False)
@model_option
@click.option(
    "-n", "--num-units", type=click.IntRange(0), metavar="N", default=1, show_default=True, help="How many units."
)
@click.option("--to", metavar="MACHINE,..", help="Machines for the units, by their ids. By default new ones.")
@click.option("--series", metavar="SERIES", help="Series of new machines. By default the model's.")
@click.option("--base", metavar="NAME@CHANNEL", help="The same in the words of Juju 3, such as ubuntu@22.04.")
@click.option("--channel", metavar="CHANNEL", help="Channel of the charm.")
@click.option("--config", multiple=True, metavar="KEY=VALUE|FILE", help="Configuration of the application.")
@click.option("--constraints", metavar="TEXT", help="Constraints of new machines, such as arch=amd64.")
@click.option("--force", is_flag=True, help="Deploy on a series that the charm does not name.")
@click.option("--revision", type=click.IntRange(0), metavar="N", help="Revision of the charm.")
@click.option("--trust", is_flag=True, help="Give the application access to the cloud; it has no effect here.")
@ignored_option("--attach-storage", "NAME,..", "Storage for the unit")
@ignored_option("--bind", "TEXT", "Spaces for the endpoints")
@ignored_option("--overlay", "FILE", "Changes of a bundle")
@ignored_option("--resource", "NAME=VALUE", "Resources of the charm")
@ignored_option("--storage", "NAME=VALUE", "Storage of the application")
def command(
    charm: str,
    application: str | None,
    model: str | None,
    num_units: int,
    to: str | None,
    series: str | None,
    base: str | None,
    channel: str | None,
    config: tuple[str, ...],
    constraints: str | None,
    force: bool,
    revision: int | None,
    trust: bool,
) -> None:
    """Deploy an application.

    The lab has no charm store. Each unit has a real unit agent and a small workload of its own: a service under
    systemd that answers on a port, so that an upgrade can be shown not to disturb it.
    """
    from jujulab.cli.bases import parse as parse_base
    from jujulab.cli.constraints import parse as parse_constraints
    from jujulab.cli.fetch import full_status
    from jujulab.cli.keyvalues import parse
    from jujulab.cli.placement import parse as parse_placement
    from jujulab.cli.provisioning import provision
    from jujulab.session import connect_model
    from jujulab.status import charms
    from jujulab_core.errors import UsageError
    from jujulab_core.rpc.results import check_all
    from jujulab_core.tags import APPLICATION_RE

    name = application or charms.parse(charm).name
    if not APPLICATION_RE.fullmatch(name):
        raise UsageError(f'invalid application name "{name}"')
    wanted = {
        "application": name,
        "charm-url": charm,
        "series": series or "",
        "charm-origin": {"base": parse_base(base) if base else None, "revision": revision},
        "channel": channel or "",
        "num-units": num_units,
        "config": parse(config),
        "constraints": parse_constraints([constraints or ""]),
        "placement": parse_placement(to),
    }
    with connect_model(model) as session:
        check_all(session.model_client().call("Application", "Deploy", {"applications": [wanted]}))
        url = full_status(session, [name])["applications"][name]["charm"]
        output.info(f'Located charm "{url}".\nDeploying charm "{url}".')
        provision(session)
