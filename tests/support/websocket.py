"""A websocket as other people's clients have it, with calls that block.

The library's own blocking client reads and writes its TLS object from two threads at once, which CPython 3.11 does
not make safe: one connection in a hundred stalls.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import connect


class WebSocket:
    """One connection; what goes wrong is raised as the library raises it."""

    def __init__(self, address: str, **options: Any) -> None:
        """Connects; the options are those of the library's ``connect``."""
        self._loop = asyncio.new_event_loop()
        try:
            self._socket = self._loop.run_until_complete(self._connect(address, options))
        except BaseException:
            self._loop.close()
            raise

    @staticmethod
    async def _connect(address: str, options: dict[str, Any]) -> Any:
        return await connect(address, proxy=None, **options)

    def send(self, message: str | bytes) -> None:
        """Sends a message."""
        self._loop.run_until_complete(self._socket.send(message))

    def recv(self, timeout: float) -> Any:
        """The next message; `timeout` in seconds."""
        return self._loop.run_until_complete(asyncio.wait_for(self._socket.recv(), timeout))

    def close(self) -> None:
        """Ends the connection."""
        if not self._loop.is_closed():
            self._loop.run_until_complete(self._socket.close())
            self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
