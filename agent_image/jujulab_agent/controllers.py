"""A controller's part in the upgrade of all controllers: who goes first, and who waits for whom (section K).

The primary is the controller whose database leads. It waits until every other one runs the new version and upgrades
first; the others follow it. Who leads may change at any moment, so everybody asks until it is his turn.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from jujulab_agent.session import Session
from jujulab_core.errors import ConnectionLost, JujulabError, RpcError
from jujulab_core.version import Number

ASK_SECONDS = 1.0
# How long controllers wait for one another. With the wrench `short-upgrade-timeout` each is as short as the last one.
READY_SECONDS = 15 * 60.0
DATABASE_SECONDS = 10 * 60.0
PRIMARY_SECONDS = 4 * 3600.0
SHORT_SECONDS = 15.0


class OthersMissingError(JujulabError):
    """Other controllers did not come to the upgrade in time; trying again is of no use."""


class Controllers:
    """What one controller asks and tells about the others while it upgrades to a version."""

    def __init__(self, session: Session, version: Number, *, short: bool) -> None:
        """Prepares it.

        Args:
            session: The connection.
            version: What it upgrades to.
            short: Whether it waits for a short time only.
        """
        self._session = session
        self._version = version
        self._short = short

    def leads_database(self) -> bool:
        """Waits until this controller leads, or another one has upgraded the database; whether it leads.

        Raises:
            OthersMissingError: Nobody has, in time.
        """
        error = "timed out waiting for primary database upgrade"
        answer = self._ask_until(lambda now: now["primary"] or now["database-done"], DATABASE_SECONDS, error)
        return bool(answer["alone"] or not answer["database-done"])

    def wait_for_turn(self) -> None:
        """Waits until this controller may run its upgrade steps.

        Raises:
            OthersMissingError: Another one was not ready in time.
        """
        if (self._version.major, self._version.minor) >= (2, 9):
            self._ask_until(lambda now: now["alone"] or not now["behind"], READY_SECONDS, self._aborted(READY_SECONDS))
            return
        most = PRIMARY_SECONDS if not self._ask()["primary"] else READY_SECONDS
        self._ask_until(
            lambda now: now["alone"] or now["primary-done"] or (now["primary"] and not now["behind"]),
            most,
            self._aborted(most),
        )

    def is_primary(self) -> bool:
        """Whether this controller leads, as far as is known now."""
        return bool(self._ask()["primary"])

    def done(self, what: str) -> None:
        """Tells that the ``database`` or, as the ``primary``, this controller is upgraded."""
        self._call("PrimaryDone", {"version": str(self._version), "what": what})

    def give_up(self, reason: str) -> None:
        """Tells that others are missing."""
        self._call("ControllersMissing", {"reason": reason})

    def _ask_until(self, come: Any, seconds: float, error: str) -> dict[str, Any]:
        deadline = time.monotonic() + (SHORT_SECONDS if self._short else seconds)
        pause = threading.Event()
        while not come(answer := self._ask()):
            if time.monotonic() >= deadline:
                raise OthersMissingError(error)
            pause.wait(ASK_SECONDS)
        return answer

    def _aborted(self, seconds: float) -> str:
        seconds = SHORT_SECONDS if self._short else seconds
        minutes, rest = divmod(int(seconds), 60)
        return f"aborted wait for other controllers: timed out after {f'{minutes}m' if minutes else ''}{rest}s"

    def _ask(self) -> dict[str, Any]:
        return self._call("Controllers", {"version": str(self._version)})

    def _call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Calls the controller that leads by then; one that is lost meanwhile is waited for."""
        while True:
            try:
                return self._session.client().call("LabAgent", method, params)
            except RpcError:
                raise
            except ConnectionLost:
                continue
