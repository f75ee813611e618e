"""``controllers``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import format_option

if TYPE_CHECKING:
    from jujulab.cli.table import Cell
    from jujulab.session import Session
    from jujulab.store import Controller, Store


@juju_command(
    examples=[
        ("As last seen:", "jujulab controllers"),
        ("As they are now:", "jujulab controllers --refresh"),
    ],
    see_also=["models", "show-controller", "switch"],
    aliases=["list-controllers"],
)
@click.option("--refresh", is_flag=True, help="Ask each controller for the latest information.")
@format_option()
def command(refresh: bool, output_format: str) -> None:
    """List the controllers that this client knows.

    The current controller has a star. Without --refresh the numbers are those of the last time they were asked for.
    """
    from jujulab.client_version import client_version
    from jujulab.session import connect_controller
    from jujulab.store import Store
    from jujulab_core.errors import JujulabError

    store = Store.default()
    for name in store.controllers() if refresh else ():
        try:
            with connect_controller(name) as session:
                refresh_controller(session)
        except JujulabError as error:
            output.info(f'cannot refresh controller "{name}": {error}')
    known = store.controllers()
    if not known:
        raise JujulabError("No controllers registered.", next_step="make a lab with `jujulab up`")
    if not refresh and output_format == "tabular":
        output.info("Use --refresh option with this command to see the latest information.\n")
    # Juju's YAML has its keys in small letters everywhere, its JSON not here.
    spell = str if output_format == "json" else str.lower
    data: dict[str, Any] = {"controllers": {name: _tree(store, entry, spell) for name, entry in known.items()}}
    data["current-controller"] = store.current_controller or ""
    output.emit(data, output_format, lambda: _table(data, str(client_version(store))))


def refresh_controller(session: Session) -> None:
    """Asks a controller how many models and machines it has, and remembers it."""
    from jujulab.cli.modeltree import counts
    from jujulab_core.rpc.results import check

    params = {"user-tag": session.user_tag, "all": session.is_superuser}
    answer = session.client.call("ModelManager", "ListModelSummaries", params)
    wires = [check(result)["result"] for result in answer.get("results") or ()]
    own = next((machines(session, wire["uuid"]) for wire in wires if wire.get("is-controller")), [])
    session.refresh_models()
    session.store.update_controller(
        session.controller.name,
        machine_count=sum(counts(wire).get("machines", 0) for wire in wires),
        controller_machines=sum(bool(machine.get("wants-vote")) for machine in own) or 1,
        active_controller_machines=sum(bool(machine.get("has-vote")) and not _is_down(machine) for machine in own) or 1,
    )


def machines(session: Session, uuid: str) -> list[dict[str, Any]]:
    """The machines of the controller model."""
    from jujulab_core.rpc.results import check

    entities = {"entities": [{"tag": f"model-{uuid}"}]}
    info = check(session.client.call("ModelManager", "ModelInfo", entities)["results"][0])["result"]
    return list(info.get("machines") or ())


def _is_down(machine: dict[str, Any]) -> bool:
    return machine.get("status") == "down"


def _tree(store: Store, entry: Controller, spell: Callable[[str], str]) -> dict[str, Any]:
    account, model = store.account(entry.name), store.current_model(entry.name)
    tree = {
        "current-model": model.rpartition("/")[2] if model else "",
        "user": account.user if account else "",
        "access": account.access if account else "",
        "recent-server": entry.endpoints[0] if entry.endpoints else "",
        "uuid": entry.uuid,
        "api-endpoints": list(entry.endpoints),
        "ca-cert": entry.ca_cert,
        "cloud": entry.cloud,
        "region": entry.region,
        "agent-version": entry.agent_version,
        "model-count": len(store.models(entry.name)),
        "machine-count": entry.machine_count,
        "controller-machines": {
            spell("Active"): entry.active_controller_machines,
            spell("Total"): entry.controller_machines,
        },
    }
    return {key: value for key, value in tree.items() if value}


def _table(data: dict[str, Any], client: str) -> str:
    from jujulab.cli.table import render
    from jujulab_core.version import Number

    rows: list[list[Cell]] = []
    for name, entry in data["controllers"].items():
        total, active = entry["controller-machines"]["total"], entry["controller-machines"]["active"]
        behind = Number.parse(client) > Number.parse(entry["agent-version"])
        rows.append(
            [
                name + ("*" if name == data["current-controller"] else ""),
                entry.get("current-model", "-"),
                entry.get("user", "-"),
                entry.get("access", "-"),
                f"{entry['cloud']}/{entry['region']}",
                str(entry.get("model-count", "-")),
                str(entry.get("machine-count", "-")),
                "none" if total < 2 else str(total) if active == total else f"{active}/{total}",
                (entry["agent-version"], "yellow" if behind else ""),
            ]
        )
    header = ("Controller", "Model", "User", "Access", "Cloud/Region", "Models", "Nodes", "HA", "Version")
    return render(header, rows, right=("Models", "Nodes", "HA"))
