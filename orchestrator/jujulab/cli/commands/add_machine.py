"""``add-machine``."""

from __future__ import annotations

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import model_option


@juju_command(
    examples=[
        ("One:", "jujulab add-machine"),
        ("Five of another series:", "jujulab add-machine -n 5 --series focal"),
    ],
    see_also=["machines", "remove-machine", "deploy"],
)
@model_option
@click.option("-n", "count", type=click.IntRange(1), metavar="N", default=1, show_default=True, help="How many.")
@click.option("--series", metavar="SERIES", help="By default the model's default-series.")
@click.option("--base", metavar="NAME@CHANNEL", help="The same in the words of Juju 3, such as ubuntu@22.04.")
@click.option("--constraints", metavar="TEXT", help="Constraints, such as arch=amd64.")
def command(model: str | None, count: int, series: str | None, base: str | None, constraints: str | None) -> None:
    """Start one or more new machines: containers with systemd, sshd and a Juju agent.

    An agent is of the model's version. The command returns when the containers run; an agent logs in soon after.
    """
    from jujulab.cli.bases import parse as parse_base
    from jujulab.cli.constraints import parse
    from jujulab.cli.provisioning import provision
    from jujulab.session import connect_model
    from jujulab_core.rpc.results import check_all

    wanted = {
        "series": series or "",
        "base": parse_base(base) if base else None,
        "jobs": ["JobHostUnits"],
        "constraints": parse([constraints or ""]),
    }
    with connect_model(model) as session:
        client = session.model_client()
        offered = client.login.facades if client.login else {}
        facade = "MachineManager" if "MachineManager" in offered else "Client"
        answer = client.call(facade, "AddMachines", {"params": [wanted] * count})
        for result in check_all({"results": answer["machines"]}):
            output.info(f"created machine {result['machine']}")
        provision(session)
