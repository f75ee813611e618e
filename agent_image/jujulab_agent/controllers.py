"""A controller's part in the upgrade of all controllers: who goes first, and who waits for whom (section K).

The primary is the controller whose database leads. It waits until every other one runs the new version and upgrades
first; the others follow it. Who leads may change at any moment, so everybody asks until it is his turn.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from jujulab_agent.session import Session
from jujulab_core.errors import ConnectionLost, JujulabError
from jujulab_core.version import Number

ASK_SECONDS = 1.0
# How long controllers wait for one another. With the wrench `short-upgrade-timeout` each is as short as the last one.
READY_SECONDS = 15 * 60.0
DATABASE_SECONDS = 10 * 60.0
PRIMARY_SECONDS = 4 * 3600.0
SHORT_SECONDS = 15.0

_Answer = dict[str, Any]


class OthersMissingError(JujulabError):
    """Other controllers did not come to the upgrade in time; trying again is of no use."""


class Turn(NamedTuple):
    """How a controller goes on when its turn has come.

    Attributes:
        leads: Whether it is the primary.
        is_awaited: Whether the others wait for it to have run its steps.
    """

    leads: bool
    is_awaited: bool


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

    def is_primary(self) -> bool:
        """Whether this controller leads, as far as is known now."""
        return bool(self._ask()["primary"])

    def leads_database(self) -> bool:
        """Waits until this controller leads, or another one has upgraded the database; whether it is this one's to do.

        Raises:
            OthersMissingError: Nobody has, in time.
        """
        answer = self._ask_until(
            lambda now: bool(now["alone"] or now["primary"] or now["database-done"]),
            lambda _: DATABASE_SECONDS,
            lambda _: "timed out waiting for primary database upgrade",
        )
        return bool(answer["alone"] or not answer["database-done"])

    def wait_for_turn(self) -> Turn:
        """Waits until this controller may run its upgrade steps.

        Up to 2.8 the primary goes first, once all the others run the new version; from 2.9 on each goes once all do.

        Raises:
            OthersMissingError: Another one was not ready in time.
        """
        leads = (self._version.major, self._version.minor) < (2, 9)

        def come(now: _Answer) -> bool:
            if now["alone"] or (leads and now["primary-done"]):
                return True
            return not now["behind"] and bool(now["primary"] or not leads)

        answer = self._ask_until(
            come,
            lambda now: READY_SECONDS if now["primary"] or not leads else PRIMARY_SECONDS,
            lambda seconds: f"aborted wait for other controllers: timed out after {_shown(seconds)}",
        )
        return Turn(bool(answer["primary"]), leads and not answer["alone"] and not answer["primary-done"])

    def done(self, what: str) -> None:
        """Tells that the ``database`` or, as the ``primary``, this controller is upgraded."""
        self._call("PrimaryDone", {"what": what})

    def give_up(self, reason: str) -> None:
        """Tells that others are missing."""
        self._call("ControllersMissing", {"reason": reason})

    def _ask_until(
        self, come: Callable[[_Answer], bool], patience: Callable[[_Answer], float], error: Callable[[float], str]
    ) -> _Answer:
        """Asks until it has come; how long depends on who leads, and begins anew for who has just begun to lead."""
        pause = threading.Event()
        began, led = time.monotonic(), None
        while not come(answer := self._ask()):
            if led is not answer["primary"]:
                began, led = time.monotonic(), answer["primary"]
            seconds = SHORT_SECONDS if self._short else patience(answer)
            if time.monotonic() - began >= seconds:
                raise OthersMissingError(error(seconds))
            pause.wait(ASK_SECONDS)
        return answer

    def _ask(self) -> _Answer:
        return self._call("Controllers", {})

    def _call(self, method: str, params: _Answer) -> _Answer:
        """Calls the controller that leads by then; one that is lost meanwhile is waited for."""
        while True:
            try:
                return self._session.client().call("LabAgent", method, {"version": str(self._version)} | params)
            except ConnectionLost:
                continue


def _shown(seconds: float) -> str:
    """As Juju has it: ``15m0s``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{f'{hours}h' if hours else ''}{f'{minutes}m' if hours or minutes else ''}{rest}s"
