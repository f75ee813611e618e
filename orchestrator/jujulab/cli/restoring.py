"""A restore as its user sees it: upload, begin, wait for the controller that comes back."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from jujulab.cli.backupfiles import WORK_SECONDS, upload
from jujulab.lab import restore as lab_restore
from jujulab.session import UNAUTHORIZED, UPGRADE_IN_PROGRESS, Session
from jujulab_core.errors import ConnectionLost, DeadlineError, JujulabError, RpcError
from jujulab_core.waiting import Deadline, wait_for

NOT_HERE = "backups are only supported from the controller model\nUse juju switch to select the controller model"
BACK_SECONDS = 120.0
_IN_PROGRESS = "juju restore is in progress"


def restore(session: Session, backup: str, file: Path | None) -> None:
    """Restores a backup, and returns when the controller works with its state.

    Args:
        session: With the controller model in focus; while a lab's new controller waits for its state, in any focus.
        backup: The ID of one on the controller; or
        file: an archive on this host.

    Raises:
        JujulabError: It was refused, or the controller did not come back with that state.
    """
    lab = session.controller.region
    awaited = lab_restore.is_awaited(session.store, lab)
    if not awaited and session.model().name != "controller":
        raise JujulabError(NOT_HERE)
    if file is not None:
        # By the client store: a controller that is stuck in its own upgrade answers no question about models.
        backup = upload(session, session.find_model("admin/controller").uuid, file)
    before = session.client.call("LabBackups", "Restored")
    accepted = False
    # A connection that is lost leaves it open: the controller says when it is back.
    with contextlib.suppress(ConnectionLost):
        session.client.call("LabBackups", "Restore", {"id": backup}, timeout=WORK_SECONDS)
        accepted = True
    _wait(session, before, backup, accepted)
    lab_restore.done(session.store, lab)
    try:
        session.refresh_models()
    except RpcError as error:
        # A backup from the midst of the controller's upgrade: the models are looked up when they can be.
        if error.code != UPGRADE_IN_PROGRESS:
            raise


def _wait(session: Session, before: dict[str, Any], backup: str, accepted: bool) -> None:
    deadline = Deadline(BACK_SECONDS, "see `jujulab debug-log`, and /var/log/juju/controller.log on its machine")

    def probe() -> tuple[dict[str, Any] | None, str]:
        what = "the controller to come back with the restored state"
        try:
            found = session.client.call("LabBackups", "Restored")
        except (ConnectionLost, DeadlineError) as error:
            return None, f"{what} ({error})"
        except RpcError as error:
            if _IN_PROGRESS in error.message:
                return None, what
            if error.code == UNAUTHORIZED:
                error.next_step = "the restored state has the passwords of its time: log in with that one"
            raise
        # A controller that is about to restore answers nothing but that; this one has started again without.
        if found == before and not accepted:
            raise JujulabError("the controller went away before the restore was ready: it has the state that it had")
        return (found, "") if found != before else (None, what)

    found = wait_for(probe, deadline, 0.3)
    if found["id"] != backup:
        raise JujulabError(f"another restore came first: the state is that of backup {found['id']}")
