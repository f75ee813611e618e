"""``show-controller``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import format_option

if TYPE_CHECKING:
    from jujulab.session import Session


@juju_command(
    examples=[
        ("The current one:", "jujulab show-controller"),
        ("For a program:", "jujulab show-controller --format json"),
    ],
    see_also=["controllers", "show-model"],
)
@click.argument("names", nargs=-1, metavar="[CONTROLLER]...")
@format_option("yaml", "json")
@click.option("--show-password", is_flag=True, help="Show the password of the account as well.")
def command(names: tuple[str, ...], output_format: str, show_password: bool) -> None:
    """Show all about controllers: addresses, version, models, machines, account."""
    from jujulab.session import connect_controller

    tree = {}
    for name in names or (None,):
        with connect_controller(name) as session:
            tree[session.controller.name] = _tree(session, show_password)
    output.emit(tree, output_format)


def _tree(session: Session, show_password: bool) -> dict[str, Any]:
    from jujulab.cli.commands import controllers
    from jujulab.cli.modeltree import counts, filled
    from jujulab_core.rpc.results import check

    client = session.client
    params = {"user-tag": session.user_tag, "all": session.is_superuser}
    answer = client.call("ModelManager", "ListModelSummaries", params)
    models: dict[str, Any] = {}
    machines: dict[str, Any] = {}
    for result in answer.get("results") or ():
        wire = check(result)["result"]
        number = counts(wire)
        models[wire["name"]] = filled(
            {
                "uuid": wire["uuid"],
                "machine-count": number.get("machines"),
                "core-count": number.get("cores"),
                "unit-count": number.get("units"),
            }
        )
        if wire.get("is-controller"):
            own = controllers.machines(session, wire["uuid"])
            several = sum(bool(machine.get("wants-vote")) for machine in own) > 1
            machines = {machine["id"]: _machine(machine, several) for machine in own}
    controller = session.store.controllers()[session.controller.name]
    current = session.store.current_model(controller.name)
    account = {"user": session.account.user, "access": session.account.access}
    return filled(
        {
            "details": {
                "uuid": controller.uuid,
                "api-endpoints": list(controller.endpoints),
                "ca-cert": controller.ca_cert,
                "cloud": controller.cloud,
                "region": controller.region,
                "agent-version": controller.agent_version,
            },
            "controller-machines": machines,
            "models": models,
            "current-model": current,
            "account": account | ({"password": session.account.password} if show_password else {}),
        }
    )


def _machine(machine: dict[str, Any], several: bool) -> dict[str, Any]:
    entry = {"instance-id": machine.get("instance-id", "")}
    if not several or not machine.get("wants-vote"):
        return entry
    if machine.get("status") == "down":
        return entry | {"ha-status": "down, lost connection"}
    return entry | {"ha-status": "ha-enabled" if machine.get("has-vote") else "ha-pending"}
