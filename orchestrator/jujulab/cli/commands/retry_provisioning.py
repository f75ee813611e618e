"""``retry-provisioning``."""

from __future__ import annotations

import click

from jujulab.cli.framework import juju_command
from jujulab.cli.options import model_option


@juju_command(
    examples=[("One machine:", "jujulab retry-provisioning 3"), ("All:", "jujulab retry-provisioning --all")],
    see_also=["machines", "add-machine"],
)
@click.argument("machines", nargs=-1, metavar="MACHINE...")
@model_option
@click.option("--all", "everywhere", is_flag=True, help="Retry all machines that have no container.")
def command(machines: tuple[str, ...], model: str | None, everywhere: bool) -> None:
    """Make the containers of machines that have none.

    What is wrong with a machine is said; the exit code is 0 all the same, as Juju's is.
    """
    from jujulab.cli.provisioning import provision
    from jujulab.session import connect_model
    from jujulab_core.errors import UsageError
    from jujulab_core.tags import MACHINE_RE, machine_tag

    if everywhere == bool(machines):
        raise UsageError("specify machine ids or --all but not both" if everywhere else "no machine specified")
    for machine in machines:
        if not MACHINE_RE.fullmatch(machine):
            raise UsageError(f'invalid machine "{machine}"')
    params = {"machines": [machine_tag(machine) for machine in machines], "all": everywhere}
    with connect_model(model) as session:
        answer = session.model_client().call("MachineManager", "RetryProvisioning", params)
        results = answer.get("results") or ()
        for error in filter(None, (result.get("error") for result in results)):
            click.echo(f"ERROR {error['message']}", err=True)
        if any(not result.get("error") for result in results):
            provision(session)
