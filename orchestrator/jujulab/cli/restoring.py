"""A restore as its user sees it: upload, begin, wait for the controller that comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jujulab.cli.backupfiles import WORK_SECONDS, upload
from jujulab.lab import restore as lab_restore
from jujulab.session import UNAUTHORIZED, Session
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
        backup = upload(session, _controller_model(session), file)
    before = session.client.call("LabBackups", "Restored")
    try:
        session.client.call("LabBackups", "Restore", {"id": backup}, timeout=WORK_SECONDS)
    except ConnectionLost:
        # Whether it had begun is seen from what the controller says when it is back.
        pass
    _wait(session, before, backup)
    lab_restore.done(session.store, lab)
    session.refresh_models()


def _controller_model(session: Session) -> str:
    models = session.client.call("Controller", "AllModels")["user-models"]
    return next(str(entry["model"]["uuid"]) for entry in models if entry["model"]["name"] == "controller")


def _wait(session: Session, before: dict[str, Any], backup: str) -> None:
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
        return (found, "") if found != before else (None, what)

    found = wait_for(probe, deadline, 0.3)
    if found["id"] != backup:
        raise JujulabError(f"another restore came first: the state is that of backup {found['id']}")
