"""Following an upgrade to its end, through the controller's own restart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from jujulab.cli import output
from jujulab.cli.upgradelive import UpgradeShown
from jujulab.session import RETRY_SECONDS, UPGRADE_IN_PROGRESS, Model, Session
from jujulab.status import upgrades
from jujulab_core.errors import ConnectionLost, DeadlineError, JujulabError, RpcError
from jujulab_core.rpc import Client
from jujulab_core.waiting import Deadline, wait_for

T = TypeVar("T")

STILL_GOING = "the upgrade goes on; follow it with `jujulab show-upgrade --watch`, or give it longer with --timeout"


class UpgradeFailedError(JujulabError):
    """The upgrade ended with machines that failed, a stop rule stopped it, it was aborted, or it asks for an answer."""

    exit_code = 4


def newest(session: Session, model: Model | None) -> dict[str, Any] | None:
    """The newest upgrade of a model, or of any; None where there was none yet."""
    params = {"model-tag": model.tag} if model else {}
    found = session.client.call("LabUpgrades", "List", params)["upgrades"]
    return max(found, key=lambda upgrade: int(upgrade["id"]), default=None)


def latest(session: Session, model: Model | None, deadline: Deadline) -> dict[str, Any] | None:
    """The same, for who stays: asks again while the controller restarts."""
    return patiently(session, deadline, "the record of the upgrade", lambda: newest(session, model))


def patiently(session: Session, deadline: Deadline, what: str, ask: Callable[[], T]) -> T:
    """Asks again for as long as the controller restarts or is in upgrade mode.

    Raises:
        DeadlineError: It was so to the end.
        RpcError: The controller refused for another reason.
    """

    def probe() -> tuple[tuple[T] | None, str]:
        try:
            return (ask(),), ""
        except (ConnectionLost, DeadlineError) as error:
            # No answer is a controller that restarts, too. What ends the waiting is the deadline of all of it.
            deadline.left(what)
            return None, f"{what}: {error}"
        except RpcError as error:
            if error.code != UPGRADE_IN_PROGRESS:
                raise
            return None, f"{what}: {error.message}"

    return wait_for(probe, deadline, RETRY_SECONDS)[0]


def events_of(client: Client, upgrade_id: int, after: int = 0) -> list[dict[str, Any]]:
    """All that happened in an upgrade behind a number, oldest first."""
    found: list[dict[str, Any]] = []
    while True:
        seq = found[-1]["seq"] if found else after
        more = client.call("LabUpgrades", "Events", {"id": upgrade_id, "after": seq})["events"]
        if not more:
            return found
        found += more


def follow(session: Session, upgrade_id: int, deadline: Deadline, shown: UpgradeShown) -> dict[str, Any]:
    """Shows an upgrade until there is nothing more to wait for; returns its record.

    Raises:
        DeadlineError: It is not over by then; it goes on without us.
    """
    what = f"upgrade {upgrade_id} to end"
    try:
        with shown:

            def ask() -> dict[str, Any]:
                try:
                    return _until_over(session, upgrade_id, deadline, what, shown)
                except ConnectionLost:
                    shown.waiting("waiting for the controller, which is not there")
                    raise

            return patiently(session, deadline, what, ask)
    except KeyboardInterrupt:
        output.info(f"The upgrade goes on. Follow it again with: jujulab show-upgrade {upgrade_id} --watch")
        raise


def _until_over(
    session: Session, upgrade_id: int, deadline: Deadline, what: str, shown: UpgradeShown
) -> dict[str, Any]:
    client = session.client
    watcher = client.call("LabUpgrades", "Watch", {"id": upgrade_id})["watcher-id"]
    while True:
        record = client.call("LabUpgrades", "Get", {"id": upgrade_id})
        shown.update(record, events_of(client, upgrade_id, shown.seq))
        if upgrades.is_over(record):
            return record
        try:
            client.call("NotifyWatcher", "Next", id=watcher, timeout=deadline.left(what))
        except DeadlineError:
            deadline.left(what)


def conclude(record: dict[str, Any]) -> None:
    """Says how an upgrade ended.

    Raises:
        UpgradeFailedError: Not with every agent on the new version.
    """
    if not upgrades.succeeded(record):
        raise UpgradeFailedError(upgrades.verdict(record), next_step=upgrades.next_step(record))
    output.info(upgrades.closing(record))


def conclude_abort(record: dict[str, Any]) -> None:
    """Says how an abort ended.

    Raises:
        UpgradeFailedError: Some machine is not where it should be.
    """
    if not upgrades.went_back(record):
        raise UpgradeFailedError(upgrades.verdict(record), next_step=upgrades.next_step(record))
    output.info(upgrades.closing_of_abort(record))
