"""What the commands share that control an upgrade: which one is meant, and asking the controller for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from jujulab.session import Session
from jujulab_core.errors import JujulabError
from jujulab_core.rules.control import Action

id_argument = click.argument("upgrade_id", required=False, type=click.IntRange(1), metavar="[ID]")


def chosen(session: Session, upgrade_id: int | None) -> int:
    """The number of the upgrade that is meant: the one named, else the newest of the session's model.

    Raises:
        JujulabError: The model never had one.
    """
    if upgrade_id is not None:
        return upgrade_id
    model = session.model()
    found = session.client.call("LabUpgrades", "List", {"model-tag": model.tag})["upgrades"]
    if not found:
        raise JujulabError(
            f"model {model.name} has no upgrades",
            next_step="start one with `jujulab upgrade-model`, or name another model with -m",
        )
    return max(int(upgrade["id"]) for upgrade in found)


def ask(session: Session, upgrade_id: int, action: Action, machines: Sequence[str] = ()) -> dict[str, Any]:
    """Asks the controller for an action on an upgrade; returns the upgrade as it is then.

    Raises:
        RpcError: Refused; what to do instead is in its info.
    """
    params = {"id": upgrade_id, "action": action, "machines": list(machines)}
    return session.client.call("LabUpgrades", "Control", params)


def title(upgrade: dict[str, Any]) -> str:
    """``upgrade 3 of model default to 2.6.10``."""
    return f"upgrade {upgrade['id']} of model {upgrade['model-name']} to {upgrade['to']}"
