"""``remove-machine``."""

from __future__ import annotations

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import model_option


@juju_command(
    examples=[
        ("An empty one:", "jujulab remove-machine 5"),
        ("With the units on it:", "jujulab remove-machine 5 --force"),
    ],
    see_also=["add-machine", "machines", "remove-unit"],
)
@click.argument("ids", nargs=-1, metavar="MACHINE...")
@model_option
@click.option("--force", is_flag=True, help="Remove a machine with all that is on it.")
@click.option("--keep-instance", is_flag=True, help="Keep the container.")
@click.option("--no-wait", is_flag=True, help="With --force: do not wait between steps.")
def command(ids: tuple[str, ...], model: str | None, force: bool, keep_instance: bool, no_wait: bool) -> None:
    """Remove machines from a model, and their containers."""
    from jujulab.cli.provisioning import provision
    from jujulab.session import connect_model
    from jujulab_core.errors import UsageError
    from jujulab_core.rpc.results import check_all
    from jujulab_core.tags import MACHINE_RE, machine_tag, split_tag

    if not ids:
        raise UsageError("no machines specified")
    for machine in ids:
        if not MACHINE_RE.fullmatch(machine):
            raise UsageError(f'invalid machine id "{machine}"')
    params = {"force": force, "keep": keep_instance, "machine-tags": [machine_tag(machine) for machine in ids]}
    with connect_model(model) as session:
        answer = session.model_client().call("MachineManager", "DestroyMachineWithParams", params)
        # What was removed is told of, and its containers go, also where another machine was refused.
        removed = [pair for pair in zip(ids, answer["results"], strict=True) if not pair[1].get("error")]
        for machine, result in removed:
            output.info(f"removing machine {machine}")
            for unit in (result.get("info") or {}).get("destroyed-units") or ():
                output.info(f"- will remove unit {split_tag(unit['tag'])[1]}")
        if removed:
            provision(session)
        check_all(answer)
