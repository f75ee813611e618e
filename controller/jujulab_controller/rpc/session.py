"""A login and what hangs on it: watchers, and the connection's model."""

from __future__ import annotations

from typing import Any, Protocol

from jujulab_controller.auth import Identity
from jujulab_controller.errors import NOT_FOUND, bad_request
from jujulab_core.errors import RpcError

# A client that never stops its watchers must not eat the memory of the others.
MAX_WATCHERS = 200


class Nextable(Protocol):
    """What a watcher id stands for."""

    async def next(self) -> dict[str, Any]:
        """Waits for the next event and returns the answer to ``Next``."""

    def stop(self) -> None:
        """Ends the watcher; a waiting :meth:`next` fails."""


class Session:
    """One connection's state."""

    def __init__(self, model_uuid: str | None, remote: str = "") -> None:
        """Begins without a login.

        Args:
            model_uuid: The model of a model connection, None on a controller connection.
            remote: The client's address.
        """
        self.model_uuid = model_uuid
        self.remote = remote
        # Who has claimed the orchestrators' lease on this connection, if anybody.
        self.lease_holder = ""
        self._identity: Identity | None = None
        self._watchers: dict[str, Nextable] = {}
        self._last_watcher = 0

    @property
    def identity(self) -> Identity:
        """Who is logged in; only to be asked after a login."""
        if self._identity is None:
            raise RpcError("not logged in", "unauthorized access")
        return self._identity

    @property
    def is_logged_in(self) -> bool:
        """Whether somebody is."""
        return self._identity is not None

    def log_in(self, identity: Identity) -> None:
        """Notes who this is.

        Raises:
            RpcError: Somebody is logged in, if only since a moment ago.
        """
        if self._identity is not None:
            raise RpcError("already logged in")
        self._identity = identity

    def add_watcher(self, watcher: Nextable) -> str:
        """Keeps a watcher; returns the id by which the client asks for it.

        Raises:
            RpcError: There are too many on this connection.
        """
        if len(self._watchers) >= MAX_WATCHERS:
            watcher.stop()
            raise bad_request(f"more than {MAX_WATCHERS} watchers on one connection: stop some")
        self._last_watcher += 1
        name = str(self._last_watcher)
        self._watchers[name] = watcher
        return name

    def watcher(self, name: str) -> Nextable:
        """The watcher of this id.

        Raises:
            RpcError: ``unknown watcher id``.
        """
        if name not in self._watchers:
            raise RpcError("unknown watcher id", NOT_FOUND)
        return self._watchers[name]

    def stop_watcher(self, name: str) -> None:
        """Ends a watcher.

        Raises:
            RpcError: ``unknown watcher id``.
        """
        self.watcher(name).stop()
        del self._watchers[name]

    def close(self) -> None:
        """Ends all watchers."""
        for watcher in self._watchers.values():
            watcher.stop()
        self._watchers.clear()
