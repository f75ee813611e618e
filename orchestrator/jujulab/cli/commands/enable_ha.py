"""``enable-ha``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import controller_option


@juju_command(
    examples=[
        ("Three controllers:", "jujulab enable-ha"),
        ("Five:", "jujulab enable-ha -n 5"),
    ],
    see_also=["controllers", "show-controller", "remove-machine"],
)
@controller_option
@click.option("-n", "count", type=int, default=0, metavar="N", help="How many controllers; odd. By default 3.")
@click.option("--to", "placement", metavar="PLACEMENT", help="Where they go. A lab only has new machines.")
@click.option("--constraints", metavar="TEXT", help="Constraints of the new machines, such as arch=amd64.")
def command(controller: str | None, count: int, placement: str | None, constraints: str | None) -> None:
    """Make sure that there are enough controllers, so that one of them may be lost.

    All controllers share their state; one leads, and the next one takes its place the moment it is gone. A controller
    that is lost for good is taken out with remove-machine, in the model "controller", before another one comes.
    """
    from jujulab.cli.constraints import parse
    from jujulab.cli.provisioning import provision
    from jujulab.session import connect_controller
    from jujulab_core.errors import UsageError
    from jujulab_core.rpc.results import check

    if count < 0 or (count and count % 2 == 0):
        raise UsageError("must specify a number of controllers odd and non-negative")
    spec = {
        "num-controllers": count,
        "constraints": parse([constraints or ""]),
        "placement": placement.split(",") if placement else [],
    }
    with connect_controller(controller) as session:
        answer = session.client.call("HighAvailability", "EnableHA", {"specs": [spec]})
        result = check(answer["results"][0])["result"]
        for doing, key in (("maintaining", "maintained"), ("adding", "added"), ("removing", "removed")):
            if result.get(key):
                output.data(f"{doing} machines: {_numbers(result[key])}")
        # Also what an earlier one, cut short, has left.
        provision(session)


def _numbers(tags: Sequence[str]) -> str:
    from jujulab_core.tags import split_tag

    return ", ".join(split_tag(tag)[1] for tag in tags)
