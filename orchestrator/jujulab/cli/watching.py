"""Following an upgrade to its end, through the controller's own restart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from jujulab.cli import output
from jujulab.cli.progress import Progress
from jujulab.session import RETRY_SECONDS, UPGRADE_IN_PROGRESS, Model, Session
from jujulab.status import upgrades
from jujulab_core.errors import ConnectionLost, DeadlineError, JujulabError, RpcError
from jujulab_core.waiting import Deadline, wait_for

T = TypeVar("T")

STILL_GOING = "the upgrade goes on; follow it with `jujulab show-upgrade --watch`, or give it longer with --timeout"


class UpgradeFailedError(JujulabError):
    """The upgrade ended with machines that failed, or a stop rule stopped it."""

    exit_code = 4


def latest(session: Session, model: Model | None, deadline: Deadline) -> dict[str, Any] | None:
    """The newest upgrade of a model, or of any; None where there was none yet."""

    def ask() -> dict[str, Any] | None:
        params = {"model-tag": model.tag} if model else {}
        found = session.client.call("LabUpgrades", "List", params)["upgrades"]
        return max(found, key=lambda upgrade: int(upgrade["id"]), default=None)

    return patiently(session, deadline, "the record of the upgrade", ask)


def patiently(session: Session, deadline: Deadline, what: str, ask: Callable[[], T]) -> T:
    """Asks again for as long as the controller restarts or is in upgrade mode.

    Raises:
        DeadlineError: It was so to the end.
        RpcError: The controller refused for another reason.
    """

    def probe() -> tuple[tuple[T] | None, str]:
        try:
            return (ask(),), ""
        except ConnectionLost as error:
            return None, f"{what}: {error}"
        except RpcError as error:
            if error.code != UPGRADE_IN_PROGRESS:
                raise
            return None, f"{what}: {error.message}"

    return wait_for(probe, deadline, RETRY_SECONDS)[0]


def follow(session: Session, upgrade_id: int, deadline: Deadline) -> dict[str, Any]:
    """Shows an upgrade's progress until nothing more happens by itself; returns its record.

    Raises:
        DeadlineError: It is not over by then; it goes on without us.
    """
    what = f"upgrade {upgrade_id} to end"
    told: set[str] = set()
    try:
        with Progress(f"upgrade {upgrade_id}") as shown:

            def ask() -> dict[str, Any]:
                try:
                    return _until_over(session, upgrade_id, deadline, what, shown, told)
                except ConnectionLost:
                    shown.show("waiting for the controller, which is not there")
                    raise

            return patiently(session, deadline, what, ask)
    except KeyboardInterrupt:
        output.info(f"The upgrade goes on. Follow it again with: jujulab show-upgrade {upgrade_id} --watch")
        raise


def _until_over(
    session: Session, upgrade_id: int, deadline: Deadline, what: str, shown: Progress, told: set[str]
) -> dict[str, Any]:
    client = session.client
    watcher = client.call("LabUpgrades", "Watch", {"id": upgrade_id})["watcher-id"]
    while True:
        record = client.call("LabUpgrades", "Get", {"id": upgrade_id})
        text, done, total = upgrades.progress(record)
        shown.show(f"{record['model-name']} to {record['to']}: {text}", done, total)
        for tag, line in upgrades.failures(record).items():
            if tag not in told:
                told.add(tag)
                shown.line(line)
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
    if upgrades.succeeded(record):
        output.info(upgrades.closing(record))
        return
    raise UpgradeFailedError(
        upgrades.verdict(record),
        next_step=f"`jujulab show-upgrade {record['id']}` shows every agent; "
        f"`jujulab ssh -m {record['model-name']} MACHINE` logs in to a machine, "
        f"`jujulab debug-log -m {record['model-name']}` shows what its agents said",
    )
