"""What an agent's status is, told to the controller at every change and at every login."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from jujulab_core.rpc import Client, only_result

if TYPE_CHECKING:
    from jujulab_agent.session import Session


class Status:
    """One status of one entity."""

    def __init__(self, facade: str, method: str, tag: str) -> None:
        self._facade = facade
        self._method = method
        self._tag = tag
        self._status = "started"
        self._info = ""
        self._told: tuple[str, str] | None = None
        # What is told last is what is in force, whichever thread tells.
        self._lock = threading.Lock()

    def set(self, status: str, info: str, session: Session | None = None) -> None:
        """Remembers a status, and tells the controller if there is a connection."""
        with self._lock:
            self._status, self._info = status, info
            if session is not None and session.try_call(self._facade, self._method, self._params()):
                self._told = status, info

    def report(self, client: Client) -> None:
        """Tells the controller the status that is in force."""
        with self._lock:
            self._tell(client)

    def catch_up(self, client: Client) -> None:
        """Tells it again if it was set while the agent introduced itself, when there was nobody to tell it to."""
        with self._lock:
            if self._told != (self._status, self._info):
                self._tell(client)

    def _tell(self, client: Client) -> None:
        only_result(client.call(self._facade, self._method, self._params()))
        self._told = self._status, self._info

    def _params(self) -> dict[str, object]:
        return {"entities": [{"tag": self._tag, "status": self._status, "info": self._info, "data": {}}]}
