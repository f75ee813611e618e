"""What an agent's status is, told to the controller at every change and at every login."""

from __future__ import annotations

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

    def set(self, status: str, info: str, session: Session | None = None) -> None:
        """Remembers a status, and tells the controller if there is a connection."""
        self._status, self._info = status, info
        if session is not None:
            session.try_call(self._facade, self._method, self._params())

    def report(self, client: Client) -> None:
        """Tells the controller the status that is in force."""
        only_result(client.call(self._facade, self._method, self._params()))

    def _params(self) -> dict[str, object]:
        return {"entities": [{"tag": self._tag, "status": self._status, "info": self._info, "data": {}}]}
