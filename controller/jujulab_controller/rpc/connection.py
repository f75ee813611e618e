"""One websocket: reads requests, runs each in a task of its own, sends answers in any order.

What a client can make the controller keep is bounded. Before the login, requests are answered one after another, and
the door sees to it that they are not many. After it, so many calls of one connection run at once that the others'
turns come; a call has its turn until its answer is sent, so that a client that does not read has a handful of answers
waiting and no more.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from aiohttp import WSCloseCode, WSMsgType, web
from aiohttp.abc import AbstractStreamWriter

from jujulab_controller.door import trust
from jujulab_controller.errors import TRY_AGAIN
from jujulab_controller.rpc import dispatch, frames
from jujulab_controller.rpc.session import Session
from jujulab_core.errors import RpcError

if TYPE_CHECKING:
    from jujulab_controller.services import Services

logger = logging.getLogger("juju.apiserver.connection")

MAX_REQUEST_BYTES = 4 * 1024 * 1024
# Requests of one connection that are under way; each blocked `Next` is one. Together they have at most so many bytes.
MAX_RUNNING = 256
MAX_RUNNING_BYTES = 2 * MAX_REQUEST_BYTES
# Calls of one connection that run, or whose answers wait to be sent. A blocked `Next` costs nothing and is not counted.
MAX_TURNS = 8
# What a `Next` brings is not held up by the turns; of that and all else no more than this may wait to be sent.
MAX_UNSENT_BYTES = 32 * 1024 * 1024
# A client that takes nothing for so long is cut off.
SEND_TIMEOUT = 30.0
# The server asks a silent agent this often whether it is still there, and waits half as long for the answer.
HEARTBEAT = 20.0


class Connection:
    """Serves one client until it goes."""

    def __init__(self, services: Services, session: Session, socket: web.WebSocketResponse) -> None:
        self._services = services
        self.session = session
        self._socket = socket
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Semaphore(MAX_TURNS)
        self._running_bytes = 0
        self._unsent_bytes = 0
        self._sending = asyncio.Lock()
        self._writer: AbstractStreamWriter | None = None
        self._transport: asyncio.Transport | None = None
        self._heard = asyncio.Event()
        self._beating: asyncio.Task[None] | None = None

    async def serve(self, request: web.Request) -> None:
        """Answers requests until either side ends the connection."""
        self._writer = await self._socket.prepare(request)
        self._transport = request.transport
        try:
            async for message in self._socket:
                self._heard.set()
                if message.type is WSMsgType.PING:
                    await self._socket.pong(message.data)
                    continue
                if message.type is WSMsgType.PONG:
                    continue
                if message.type is not WSMsgType.TEXT or not await self._accept(message.data):
                    await self._socket.close(code=WSCloseCode.POLICY_VIOLATION)
                    break
                if self.session.is_logged_in:
                    trust(request)
                    if self._beating is None and self.session.identity.kind != "user":
                        self._beating = asyncio.get_running_loop().create_task(self._beat())
        finally:
            tasks = [*self._tasks, *([self._beating] if self._beating else [])]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.session.close()
            self._services.logged_out(self.session)

    async def close(self) -> None:
        """Ends the connection because the server ends."""
        await self._socket.close(code=WSCloseCode.GOING_AWAY, message=b"apiserver shutdown in progress")

    async def _beat(self) -> None:
        """Cuts the connection off when its agent is silent and stays so when it is asked: presence counts on that.

        A person's client is not asked. It may be busy for minutes with something else and read nothing, and Juju does
        not drop it either; TCP finds out where nobody is there any more.
        """
        while True:
            self._heard.clear()
            await asyncio.sleep(HEARTBEAT)
            if self._heard.is_set():
                continue
            try:
                async with asyncio.timeout(HEARTBEAT / 2):
                    await self._socket.ping()
                    await self._heard.wait()
            except (TimeoutError, ConnectionError):
                if self._transport is not None:
                    self._transport.abort()
                return

    async def _accept(self, text: str) -> bool:
        """Takes in what the client sent; false when the connection is to be ended for it."""
        try:
            request = frames.parse(text)
        except frames.WrongTypeError as error:
            await self._send(frames.bad(error.number, error.refusal))
            return True
        except frames.MalformedError as error:
            logger.warning("closing a connection that sent a malformed frame: %s", error)
            return False
        if not self.session.is_logged_in:
            await self._answer(request)
            return True
        if len(self._tasks) >= MAX_RUNNING or self._running_bytes + len(text) > MAX_RUNNING_BYTES:
            refusal = RpcError("too many requests at once on one connection: try again", TRY_AGAIN)
            await self._send(frames.bad(request.number, refusal))
            return True
        task = asyncio.get_running_loop().create_task(self._run(request, len(text)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _run(self, request: frames.Request, size: int) -> None:
        self._running_bytes += size
        try:
            async with contextlib.nullcontext() if request.method == "Next" else self._turns:
                await self._answer(request)
        finally:
            self._running_bytes -= size

    async def _answer(self, request: frames.Request) -> None:
        await self._send(await dispatch.answer(self._services, self.session, request))

    async def _send(self, message: bytes) -> None:
        # Whole answers one after another: fragments of two answers must not mix.
        self._unsent_bytes += len(message)
        try:
            if self._unsent_bytes > MAX_UNSENT_BYTES:
                raise ConnectionResetError("the client does not read")
            async with asyncio.timeout(SEND_TIMEOUT), self._sending:
                await self._send_fragments(message)
        except (TimeoutError, ConnectionError):
            if self._transport is not None:
                self._transport.abort()
        finally:
            self._unsent_bytes -= len(message)

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
