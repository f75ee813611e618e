"""One websocket: reads requests, runs each in a task of its own, sends answers in any order."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from aiohttp import WSCloseCode, WSMsgType, web
from aiohttp.abc import AbstractStreamWriter

from jujulab_controller.errors import TRY_AGAIN
from jujulab_controller.rpc import dispatch, frames
from jujulab_controller.rpc.session import Session
from jujulab_core.errors import RpcError

if TYPE_CHECKING:
    from jujulab_controller.services import Services

logger = logging.getLogger("juju.apiserver.connection")

MAX_REQUEST_BYTES = 4 * 1024 * 1024
# Requests of one connection that run at the same time; each blocked `Next` is one.
MAX_RUNNING = 256
# A client that takes nothing for so long is cut off.
SEND_TIMEOUT = 60.0
# The server asks every client this often whether it is still there, and waits half as long for the answer.
HEARTBEAT = 20.0


class Connection:
    """Serves one client until it goes."""

    def __init__(self, services: Services, session: Session, socket: web.WebSocketResponse) -> None:
        self._services = services
        self.session = session
        self._socket = socket
        self._tasks: set[asyncio.Task[None]] = set()
        self._sending = asyncio.Lock()
        self._writer: AbstractStreamWriter | None = None
        self._transport: asyncio.Transport | None = None

    async def serve(self, request: web.Request) -> None:
        """Answers requests until either side ends the connection."""
        self._writer = await self._socket.prepare(request)
        self._transport = request.transport
        try:
            async for message in self._socket:
                if message.type is not WSMsgType.TEXT or not self._accept(message.data):
                    await self._socket.close(code=WSCloseCode.POLICY_VIOLATION)
                    break
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self.session.close()
            self._services.logged_out(self.session)

    async def close(self) -> None:
        """Ends the connection because the server ends."""
        await self._socket.close(code=WSCloseCode.GOING_AWAY, message=b"apiserver shutdown in progress")

    def _accept(self, text: str) -> bool:
        try:
            request = frames.parse(text)
        except frames.MalformedError as error:
            logger.warning("closing a connection that sent a malformed frame: %s", error)
            return False
        task = asyncio.get_running_loop().create_task(self._answer(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _answer(self, request: frames.Request) -> None:
        if len(self._tasks) > MAX_RUNNING:
            error = RpcError(f"more than {MAX_RUNNING} requests at once on one connection", TRY_AGAIN)
            await self._send(frames.bad(request.number, error))
            return
        await self._send(await dispatch.answer(self._services, self.session, request))

    async def _send(self, message: bytes) -> None:
        # Whole answers one after another: fragments of two answers must not mix. What waits here is bounded by
        # the number of running requests, and by time.
        try:
            async with asyncio.timeout(SEND_TIMEOUT), self._sending:
                await self._send_fragments(message)
        except (TimeoutError, ConnectionError):
            if self._transport is not None:
                self._transport.abort()

    async def _send_fragments(self, message: bytes) -> None:
        if self._transport is None or self._writer is None:
            return
        if len(message) <= frames.FRAGMENT_BYTES:
            await self._socket.send_frame(message, WSMsgType.TEXT)
            return
        for fragment in frames.fragments(message):
            if self._transport.is_closing():
                raise ConnectionResetError("the client went away")
            self._transport.write(fragment)
            await self._writer.drain()
