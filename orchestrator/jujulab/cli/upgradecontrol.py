"""What the commands share that control an upgrade: which one is meant, and asking the controller for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from jujulab.cli import output
from jujulab.session import Model, Session
from jujulab_core.errors import JujulabError
from jujulab_core.rules.control import Action
from jujulab_core.waiting import Deadline

Saying = Callable[[dict[str, Any]], str]

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
        raise no_upgrades(model)
    return max(int(upgrade["id"]) for upgrade in found)


def no_upgrades(model: Model) -> JujulabError:
    """Says that a model never had an upgrade, and how it gets one."""
    command = "upgrade-controller" if model.name == "controller" else "upgrade-model"
    return JujulabError(
        f"model {model.name} has no upgrades",
        next_step=f"start one with `jujulab {command}`, or name another model with -m",
    )


def ask(session: Session, upgrade_id: int, action: Action, machines: Sequence[str] = ()) -> dict[str, Any]:
    """Asks the controller for an action on an upgrade; returns the upgrade as it is then.

    Raises:
        RpcError: Refused; what to do instead is in its info.
    """
    params = {"id": upgrade_id, "action": action, "machines": list(machines)}
    return session.client.call("LabUpgrades", "Control", params)


def ask_and_follow(
    session: Session, upgrade_id: int, action: Action, machines: Sequence[str], wait: Deadline | None, saying: Saying
) -> dict[str, Any] | None:
    """Asks for an action, says what happens now, and with `wait` shows what comes of it.

    Args:
        session: The session.
        upgrade_id: Which upgrade.
        action: What is wanted of it.
        machines: Which machines are meant.
        wait: When to stop waiting; None not to wait.
        saying: Makes the sentence that says what happens now.

    Returns:
        The record at its end, or None without `wait`.
    """
    from jujulab.cli.upgradelive import UpgradeShown
    from jujulab.cli.watching import events_of, follow
    from jujulab.status.times import TimeForm
    from jujulab.status.upgrades import FINAL, progress

    before = events_of(session.client, upgrade_id) if wait else []
    upgrade = ask(session, upgrade_id, action, machines)
    output.info(f"{saying(upgrade)}: {progress(upgrade)[0]}.")
    if upgrade["status"] in FINAL:
        # What was asked for is so already.
        return upgrade if wait else None
    if wait is None:
        output.info(f"Follow it with: jujulab show-upgrade {upgrade_id} --watch")
        return None
    shown = UpgradeShown(TimeForm.choose(utc=False))
    shown.pass_over(upgrade, before)
    return follow(session, upgrade_id, wait, shown)


def step_about_those_behind(upgrade: dict[str, Any] | None) -> str:
    """What to do where an upgrade is refused because agents have not made the one before.

    Args:
        upgrade: The newest of the model; None where it never had one.
    """
    from jujulab.status.upgrades import FINAL

    go_on = "--ignore-agent-versions goes on without them"
    if upgrade is None or upgrade["status"] == "complete":
        return f"see them with `jujulab status`; {go_on}"
    number = upgrade["id"]
    back = f"`jujulab abort-upgrade {number} --rollback`"
    if upgrade["status"] not in FINAL:
        return f"follow upgrade {number} to its end with `jujulab show-upgrade {number} --watch`; {go_on}"
    if upgrade.get("roll-back"):
        return f"{back} tries once more to put them back; {go_on}"
    or_back = "" if upgrade.get("is-controller") else f"; {back} goes back to {upgrade['from']}"
    return f"`jujulab retry-upgrade --id {number}` tries them again{or_back}; {go_on}"


def title(upgrade: dict[str, Any]) -> str:
    """``upgrade 3 of model default to 2.6.10``."""
    return f"upgrade {upgrade['id']} of model {upgrade['model-name']} to {upgrade['to']}"
