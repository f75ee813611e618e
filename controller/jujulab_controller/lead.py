"""Which of a lab's controllers leads: the one that holds a lock on what all of them share.

Juju's controllers elect the primary of their database. A lab's controllers are on one host and share a volume, so the
host's kernel holds the election: a lock on a file in it is one process's at a time, and is free the moment that process
ends, whatever ends it (the decision record "Controllers share a volume, and a lock makes one of them lead"). The leader
alone opens the state. The others hold a lock of their own as long as they live, by which the leader knows that they
do, and hand connections on to the leader, so that every controller's API can be used.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import socket
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from jujulab_core.layout import API_PORT

logger = logging.getLogger("juju.controller.lead")

_LEADER = "leader.lock"
# Until the leader that was lost is replaced, or a new one answers: a fraction of a restart.
_AGAIN_SECONDS = 0.1
_CONNECT_SECONDS = 5.0
_SILENT_SECONDS = 5
_PIECE = 64 * 1024


class Members:
    """The locks of a lab's controllers, by the numbers of their machines."""

    def __init__(self, state: Path) -> None:
        self._state = state

    def is_up(self, machine_id: str) -> bool:
        """Whether the controller on this machine runs."""
        try:
            with _member_file(self._state, machine_id).open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def retire(self, machine_id: str) -> None:
        """Keeps the controller on a machine that is to be removed from leading (again), for as long as it is there."""
        _retired_file(self._state, machine_id).touch(mode=0o600)


class Lead:
    """This process's part in the election: its locks last as long as the process."""

    def __init__(self, state: Path, machine_id: str, listener: socket.socket) -> None:
        """Says that this controller is there.

        Args:
            state: The directory that the controllers share.
            machine_id: The number of this one's machine.
            listener: Where this one listens.
        """
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = state / _LEADER
        self._retired = _retired_file(state, machine_id)
        self._listener = listener
        # Not closed before the process ends: with it goes the lock.
        self._member = _member_file(state, machine_id).open("ab")
        self._leader = os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)
        # Held for a moment by whoever looks whether this one is up.
        fcntl.flock(self._member, fcntl.LOCK_EX)

    async def win(self) -> None:
        """Returns once this controller leads; until then it serves by handing connections on.

        One whose machine was removed never leads.
        """
        if self._retired.exists():
            logger.info("the machine of this controller was removed: it leads no more")
            await Relay(self._listener, self._elsewhere).run()
        try:
            fcntl.flock(self._leader, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info("the controller at %s leads; handing connections on to it", self._address())
            await self._follow()
        # Written in its place: on a full disk nothing new can be made.
        self._leader.truncate(0)
        os.pwrite(self._leader.fileno(), _address_of(self._listener).encode(), 0)
        logger.info("this controller leads")

    async def _follow(self) -> None:
        loop, won = asyncio.get_running_loop(), asyncio.Event()

        def wait() -> None:
            fcntl.flock(self._leader, fcntl.LOCK_EX)
            with contextlib.suppress(RuntimeError):
                # The loop has ended, and the process is about to.
                loop.call_soon_threadsafe(won.set)

        # A daemon, as there is no way to wake it but the lock.
        threading.Thread(target=wait, name="lead", daemon=True).start()
        handing = loop.create_task(Relay(self._listener, self._elsewhere).run())
        try:
            await won.wait()
        finally:
            handing.cancel()
            await asyncio.gather(handing, return_exceptions=True)

    def _address(self) -> str:
        return self._path.read_text()

    def _elsewhere(self) -> str:
        """Where the leader is; empty while that is not known: this process's predecessor may have been the last one."""
        address = self._address()
        return "" if address == _address_of(self._listener) else address


class Relay:
    """Hands the connections of a listening socket on, as they are: TLS is between the client and the leader."""

    def __init__(self, listener: socket.socket, address: Callable[[], str]) -> None:
        self._listener = listener
        self._address = address
        self._open: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Works until it is cancelled; what waits to be accepted then is for whoever listens next."""
        self._listener.setblocking(False)
        try:
            while True:
                await _readable(self._listener)
                there = await self._reach()
                try:
                    here, _ = self._listener.accept()
                except BlockingIOError:
                    # It went away while the leader was looked for.
                    there.close()
                    continue
                except OSError as error:
                    there.close()
                    logger.warning("cannot accept a connection: %s", error.strerror or error)
                    await asyncio.sleep(_AGAIN_SECONDS)
                    continue
                task = asyncio.create_task(_join(here, there))
                self._open.add(task)
                task.add_done_callback(partial(self._ended, here, there))
        finally:
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)

    def _ended(self, here: socket.socket, there: socket.socket, task: asyncio.Task[None]) -> None:
        self._open.discard(task)
        # One that is cancelled before it has begun closes nothing itself.
        here.close()
        there.close()

    async def _reach(self) -> socket.socket:
        """A connection to the leader, whoever leads by then."""
        while True:
            host, _, port = self._address().rpartition(":")
            with contextlib.suppress(OSError, ValueError):
                # Not `wait_for`, which forgets that it was cancelled when that comes in the moment of success.
                async with asyncio.timeout(_CONNECT_SECONDS):
                    return await _connect(host, int(port))
            await asyncio.sleep(_AGAIN_SECONDS)


async def _connect(host: str, port: int) -> socket.socket:
    loop = asyncio.get_running_loop()
    family, kind, protocol, _, address = (await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))[0]
    made = socket.socket(family, kind, protocol)
    try:
        made.setblocking(False)
        await loop.sock_connect(made, address)
    except BaseException:
        made.close()
        raise
    return made


async def _readable(listener: socket.socket) -> None:
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(listener, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(listener)


async def _join(here: socket.socket, there: socket.socket) -> None:
    """Carries bytes both ways until both sides have ended, or one is lost."""
    with contextlib.ExitStack() as opened:
        ends = []
        for end in (here, there):
            ends.append(await _open(end))
            opened.callback(ends[-1][1].transport.abort)
        (read_here, write_here), (read_there, write_there) = ends
        ways = [asyncio.create_task(_carry(*way)) for way in ((read_here, write_there), (read_there, write_here))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)


async def _open(end: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # A machine that has lost its power says no good-bye.
    end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _SILENT_SECONDS)
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _SILENT_SECONDS)
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 2 * _SILENT_SECONDS * 1000)
    return await asyncio.open_connection(sock=end, limit=_PIECE)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(_PIECE):
        writer.write(piece)
        await writer.drain()
    writer.write_eof()


def _member_file(state: Path, machine_id: str) -> Path:
    return state / f"member-{machine_id}.lock"


def _retired_file(state: Path, machine_id: str) -> Path:
    return state / f"member-{machine_id}.removed"


def _address_of(listener: socket.socket) -> str:
    """Where the other controllers find this one: by its machine's name, wherever systemd has it listen."""
    host, port = listener.getsockname()[:2]
    return f"{host}:{port}" if host.startswith("127.") else f"{socket.gethostname()}:{port or API_PORT}"
