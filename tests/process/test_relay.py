"""Connections that a controller hands on to the one that leads, and the moment in which it leads itself."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from jujulab_controller.lead import Relay
from jujulab_core.waiting import Deadline, wait_for
from tests.support.another_controller import LEADS, another
from tests.support.controller_process import Controller, running

SECONDS = 20
# It has nothing to wait for: far more than any host takes.
END_SECONDS = 5
# All the time, so that some come in whatever moment a follower begins to lead.
CLIENTS, ROUNDS = 40, 2


def reset(end: socket.socket) -> None:
    """Closes a connection as a machine does that knows nothing of it any more."""
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()


@contextmanager
def leader_and_listener() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Where a leader takes connections, and where those arrive that are handed on to it."""
    with socket.create_server(("127.0.0.1", 0)) as leader, socket.create_server(("127.0.0.1", 0)) as listener:
        leader.setblocking(False)
        yield leader, listener


def relay_to(leader: socket.socket, listener: socket.socket) -> asyncio.Task[None]:
    host, port = leader.getsockname()
    return asyncio.create_task(Relay(listener, lambda: f"{host}:{port}").run())


@asynccontextmanager
async def joined() -> AsyncIterator[tuple[socket.socket, socket.socket]]:
    """A client's end of a connection, and the leader's."""
    loop = asyncio.get_running_loop()
    with leader_and_listener() as (leader, listener):
        relaying = relay_to(leader, listener)
        with socket.create_connection(listener.getsockname(), SECONDS) as here:
            here.setblocking(False)
            there, _ = await loop.sock_accept(leader)
            with there:
                there.setblocking(False)
                yield here, there
        relaying.cancel()
        await asyncio.wait_for(asyncio.gather(relaying, return_exceptions=True), SECONDS)


async def is_ended(end: socket.socket) -> bool:
    """Waits until a connection has ended; false if something comes instead."""
    try:
        return not await asyncio.get_running_loop().sock_recv(end, 1)
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("of_client", [True, False])
def test_a_reset_of_one_side_reaches_the_other(of_client: bool) -> None:
    async def work() -> None:
        async with asyncio.timeout(SECONDS), joined() as ends:
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(ends[0], b"x")
            assert await loop.sock_recv(ends[1], 2) == b"x"
            lost, other = ends if of_client else reversed(ends)
            reset(lost)
            assert await is_ended(other)

    asyncio.run(work())


def test_one_that_has_said_all_is_still_answered() -> None:
    question, answer = b"q" * 3_000_000, b"a" * 3_000_000

    async def read(end: socket.socket) -> bytes:
        pieces = []
        while piece := await asyncio.get_running_loop().sock_recv(end, 1 << 16):
            pieces.append(piece)
        return b"".join(pieces)

    async def ask(end: socket.socket) -> bytes:
        await asyncio.get_running_loop().sock_sendall(end, question)
        end.shutdown(socket.SHUT_WR)
        return await read(end)

    async def reply(end: socket.socket) -> bytes:
        asked = await read(end)
        await asyncio.get_running_loop().sock_sendall(end, answer)
        end.shutdown(socket.SHUT_WR)
        return asked

    async def work() -> None:
        async with asyncio.timeout(SECONDS), joined() as (here, there):
            assert await asyncio.gather(ask(here), reply(there)) == [answer, question]

    asyncio.run(work())


@pytest.mark.parametrize("turns", range(14))
def test_it_ends_when_it_is_told_to_whatever_it_does(turns: int) -> None:
    """Told so many turns of the loop after connections came; that is the moment of success of each thing that it does.

    With `asyncio.wait_for` around its connecting, some of them were forgotten, and a controller never led.
    """

    async def work() -> None:
        for _ in range(20):
            with ExitStack() as stack:
                leader, listener = stack.enter_context(leader_and_listener())
                relaying = relay_to(leader, listener)
                for _ in range(3):
                    stack.enter_context(socket.create_connection(listener.getsockname(), SECONDS))
                for _ in range(turns):
                    await asyncio.sleep(0)
                relaying.cancel()
                done, _ = await asyncio.wait({relaying}, timeout=END_SECONDS)
                if not done:
                    relaying.cancel()
                    await asyncio.wait({relaying})
                assert done, "it went on"

    asyncio.run(work())


@contextmanager
def crowd(port: int) -> Iterator[None]:
    """Clients that connect and go away again, all the time."""
    ending = threading.Event()

    def come_and_go() -> None:
        while not ending.is_set():
            with contextlib.suppress(OSError):
                reset(socket.create_connection(("127.0.0.1", port), timeout=SECONDS))

    threads = [threading.Thread(target=come_and_go) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ending.set()
        for thread in threads:
            thread.join(2 * SECONDS)


@pytest.fixture
def first(tmp_path: Path) -> Iterator[Controller]:
    with running(tmp_path / "first") as controller:
        yield controller


def test_a_crowd_keeps_none_from_leading(first: Controller, tmp_path: Path) -> None:
    for number in range(ROUNDS):
        if number:
            first.start()
        with another(tmp_path / str(number), first, "1") as second:
            with crowd(second.port):
                first.kill()
                second.wait_for(LEADS)
            second.admin().close()


def test_the_leader_hears_of_a_client_of_another_one_that_is_lost(first: Controller, tmp_path: Path) -> None:
    def sockets() -> int:
        found = Path(f"/proc/{first.pid}/fd").iterdir()
        return sum(str(entry.readlink()).startswith("socket:") for entry in found)

    def has(number: int) -> None:
        wait_for(lambda: (sockets() == number or None, f"{number} sockets, not {sockets()}"), Deadline(SECONDS), 0.02)

    with another(tmp_path / "second", first, "1") as second:
        before = sockets()
        client = socket.create_connection(("127.0.0.1", second.port), SECONDS)
        has(before + 1)
        reset(client)
        has(before)
