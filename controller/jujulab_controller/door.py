"""The door of the API: takes connections in, and sees to it that those who only stand in it do no harm.

Who has opened a connection costs memory and a file descriptor before it has said who it is: half a TLS handshake, half
a request, a websocket without a login. Such a guest has a deadline and may send little, and there is room for so many
of them. Who has made a request or logged in is a client, and is not touched here any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from aiohttp import web

logger = logging.getLogger("juju.apiserver.door")

# Of the process's file descriptors so many are for the database, the logs, files that are served and the internet.
_RESERVED_FILES = 256
_MAX_CONNECTIONS = 20_000
# Out of file descriptors all the same, or a connection that broke off in the queue.
_AGAIN_SECONDS = 0.2


@dataclass(frozen=True)
class Limits:
    """What guests get.

    Attributes:
        connections: So many connections at once, of guests and clients; one more is closed as it comes.
        guests: So many guests at once. Where there are more, the next one waits in the kernel's queue until the oldest
            has had its least time: a fleet that comes back at once is let in bit by bit, a flood is thrown out.
        handshake: Seconds for TLS.
        least: Seconds that every guest has.
        most: Seconds after which a guest is turned out, however few there are. A login behind a crowd takes its time.
        size: How many bytes a guest may send. A login with all that Juju lets it carry has less.
        unread: Seconds for which the peer of any connection may take nothing of what is sent to it.
        silent: Seconds without a word from a peer after which its kernel is asked whether it is still there. Where
            nothing answers, the connection ends with the next question.
    """

    connections: int = _MAX_CONNECTIONS
    guests: int = 1024
    handshake: float = 20.0
    least: float = 10.0
    most: float = 30.0
    size: int = 128 * 1024
    unread: float = 30.0
    silent: int = 60

    @classmethod
    def of_process(cls) -> Limits:
        """The limits for this process, whose own limit of open files is raised as far as it may be."""
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _MAX_CONNECTIONS + _RESERVED_FILES
        files = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
        return cls(connections=max(files - _RESERVED_FILES, _RESERVED_FILES))


def trust(request: web.Request) -> None:
    """Notes that a request's connection is a client's; see :meth:`Door.trust`."""
    request.app[DOOR].trust(request.transport)


class Door:
    """Accepts connections on a listening socket and hands them to a server."""

    def __init__(self, listener: socket.socket, context: ssl.SSLContext, limits: Limits) -> None:
        """Prepares the door; :meth:`open` opens it.

        Args:
            listener: Where connections come in.
            context: What TLS needs.
            limits: What guests get.
        """
        self._listener = listener
        self._context = context
        self._limits = limits
        # By age: the first is the oldest.
        self._guests: dict[_Guest, None] = {}
        self._open: dict[asyncio.BaseTransport, _Guest] = {}
        self._welcomes: set[asyncio.Task[None]] = set()
        self._left = asyncio.Event()
        self._accepting: asyncio.Task[None] | None = None

    def open(self, factory: Callable[[], asyncio.Protocol]) -> None:
        """Begins to accept.

        Args:
            factory: Makes the server's side of one connection.
        """
        self._listener.setblocking(False)
        self._accepting = asyncio.get_running_loop().create_task(self._accept(factory))

    async def close(self) -> None:
        """Stops accepting; connections that are open stay so."""
        tasks = [task for task in (self._accepting, *self._welcomes) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._listener.close()

    def trust(self, transport: asyncio.BaseTransport | None) -> None:
        """Notes that this connection is a client's: it has made a request, or has logged in."""
        guest = self._open.get(transport) if transport is not None else None
        if guest is not None and guest in self._guests:
            guest.trusted()
            self._forget(guest)

    async def _accept(self, factory: Callable[[], asyncio.Protocol]) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._make_room()
            try:
                connection, _ = await loop.sock_accept(self._listener)
            except OSError as error:
                logger.warning("cannot accept a connection: %s", error.strerror or error)
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            if len(self._open) + len(self._welcomes) >= self._limits.connections:
                logger.warning("closing a connection: there are %d already", self._limits.connections)
                connection.close()
                continue
            task = loop.create_task(self._welcome(connection, factory))
            self._welcomes.add(task)
            task.add_done_callback(self._welcomes.discard)

    async def _make_room(self) -> None:
        loop = asyncio.get_running_loop()
        while len(self._guests) >= self._limits.guests:
            oldest = next(iter(self._guests))
            patience = oldest.since + self._limits.least - loop.time()
            if patience <= 0:
                oldest.abort()
                self._forget(oldest)
                return
            self._left.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._left.wait(), patience)

    async def _welcome(self, connection: socket.socket, factory: Callable[[], asyncio.Protocol]) -> None:
        loop = asyncio.get_running_loop()
        guest = _Guest(self, factory(), connection, loop.time(), self._limits.size)
        self._guests[guest] = None
        guest.deadline = loop.call_later(self._limits.most, self._turn_out, guest)
        try:
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                unread = int(self._limits.unread * 1000)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, unread)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, self._limits.silent)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, self._limits.silent)
            await loop.connect_accepted_socket(
                lambda: guest, connection, ssl=self._context, ssl_handshake_timeout=self._limits.handshake
            )
        except (OSError, TimeoutError):
            # No TLS, or not in time; the loop has closed it.
            self._forget(guest)
        except BaseException:
            self._forget(guest)
            connection.close()
            raise

    def _turn_out(self, guest: _Guest) -> None:
        guest.abort()
        self._forget(guest)

    def _forget(self, guest: _Guest) -> None:
        if guest.deadline is not None:
            guest.deadline.cancel()
        if self._guests.pop(guest, guest) is None:
            self._left.set()

    def opened(self, guest: _Guest, transport: asyncio.BaseTransport) -> None:
        """Notes that a guest's TLS is up."""
        self._open[transport] = guest

    def closed(self, guest: _Guest) -> None:
        """Notes that a connection has ended, whoever ended it."""
        if guest.transport is not None:
            self._open.pop(guest.transport, None)
        self._forget(guest)


# Where requests find the door that they came through.
DOOR = web.AppKey("DOOR", Door)


class _Guest(asyncio.Protocol):
    """Stands between a connection and the server, and counts what comes until the connection is trusted.

    Attributes:
        since: When it came, by the event loop's clock.
        transport: The connection, once TLS is up.
        deadline: When it is turned out.
    """

    def __init__(self, door: Door, inner: asyncio.Protocol, connection: socket.socket, since: float, most: int) -> None:
        self.since = since
        self.transport: asyncio.Transport | None = None
        self.deadline: asyncio.TimerHandle | None = None
        self._door = door
        self._inner = inner
        self._connection = connection
        self._left: int | None = most

    def trusted(self) -> None:
        """Counts no more."""
        self._left = None

    def abort(self) -> None:
        """Ends the connection without another word."""
        if self.transport is not None:
            self.transport.abort()
        else:
            # In the middle of the handshake there is no transport yet; this makes the peer's end known to it.
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The loop's word that TLS is up."""
        self.transport = cast(asyncio.Transport, transport)
        self._door.opened(self, transport)
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Hands on what came, unless it is too much from somebody unknown."""
        if self._left is not None:
            self._left -= len(data)
            if self._left < 0:
                self.abort()
                return
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Hands on that nothing more comes."""
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        """Hands on that the peer reads too slowly."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Hands on that there is room again."""
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Hands on that the connection has ended."""
        self._door.closed(self)
        self._inner.connection_lost(exc)
