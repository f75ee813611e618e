"""Whoever misbehaves at the API gets an error or a closed connection; the others notice nothing."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
import ssl
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jujulab_controller.door import Door, Limits
from jujulab_controller.rpc.connection import HEARTBEAT, MAX_RUNNING
from jujulab_core.errors import ConnectionLost, RpcError
from jujulab_core.rpc import Client, connect
from jujulab_core.rpc.channel import Channel, dial, tls_context
from jujulab_core.waiting import Deadline, wait_for
from tests.support.controller_process import (
    ADMIN_PASSWORD,
    MACHINE_NONCE,
    MACHINE_PASSWORD,
    Controller,
    Machine,
    add_model,
    free_port,
    make_certificates,
    running,
)

MIB = 1024 * 1024
# The client that behaves asks so often; with the flood around it it may take so many times as long, which says that it
# is served in between, and nothing of how fast this host is.
ASKED, RATIO = 150, 15
FLOOD = 3000
UPGRADE = (
    b"GET /api HTTP/1.1\r\nHost: controller\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    with running(tmp_path_factory.mktemp("controller")) as made:
        yield made
        # Whatever the tests of this module did.
        assert "Traceback" not in made.log()
        assert "internal error" not in made.log()


@pytest.fixture(scope="module")
def model(controller: Controller) -> str:
    with controller.admin() as admin:
        made = add_model(admin)
    with controller.admin(made) as client:
        client.call("MachineManager", "AddMachines", {"params": [{"series": "bionic"}] * 100})
    return made


def raw(controller: Controller, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", controller.port), 20, source_address=(source, 0))


def tls(controller: Controller) -> ssl.SSLSocket:
    return dial(f"127.0.0.1:{controller.port}", tls_context(controller.ca), 20)


def is_closed(connection: socket.socket) -> bool:
    """Whether the other side has ended it."""
    connection.setblocking(False)
    try:
        while data := connection.recv(65536):
            del data
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        pass
    return True


def login(name: str = "admin", password: str = ADMIN_PASSWORD, number: int = 1) -> str:
    params = {"auth-tag": f"user-{name}", "credentials": password}
    return json.dumps({"request-id": number, "type": "Admin", "version": 3, "request": "Login", "params": params})


def channel(controller: Controller, path: str = "/api", *sent: str) -> Channel:
    made = Channel(f"127.0.0.1:{controller.port}", path, tls_context(controller.ca), 20)
    for text in sent:
        made.send(text)
    return made


def latency(client: Client) -> float:
    """The median time of a call."""
    times = []
    for _ in range(ASKED):
        begun = time.monotonic()
        client.call("Pinger", "Ping", timeout=60)
        times.append(time.monotonic() - begun)
    return statistics.median(times)


@contextlib.contextmanager
def around(controller: Controller, flood: Callable[[threading.Event], None], crowd: int = 4) -> Iterator[None]:
    """Runs a flood for the time of the block, from several threads."""
    over = threading.Event()
    with ThreadPoolExecutor(crowd) as threads:
        flooding = [threads.submit(flood, over) for _ in range(crowd)]
        try:
            yield
        finally:
            over.set()
            for each in flooding:
                each.result(60)


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "[]",
        "null",
        "{",
        '{"request-id": 1',
        '{"request-id": "1", "type": "Pinger"}',
        '{"request-id": -1, "type": "Pinger"}',
        '{"request-id": 1e400, "type": "Pinger"}',
        '{"request-id": 1, "params": {"n": NaN}}',
        '{"request-id": 1, "params": {"n": 1e999}}',
        '{"request-id": 1, "params": {"text": "\\ud800"}}',
        '{"request-id": 1, "params": {"deep": ' + "[" * 100 + "]" * 100 + "}}",
        '{"request-id": 1, "params": {"deep": ' + "[" * 100_000 + "]" * 100_000 + "}}",
    ],
    ids=lambda sent: sent[:40],
)
def test_a_frame_that_is_none_ends_the_connection(controller: Controller, sent: str) -> None:
    asking = channel(controller, "/api", login())
    assert asking.receive() is not None
    with contextlib.suppress(ConnectionLost):
        asking.send(sent)
    assert asking.receive() is None
    asking.release()


@pytest.mark.parametrize(
    ("fields", "error", "code"),
    [
        ({"type": "Nonsense"}, 'unknown facade type "Nonsense"', "not implemented"),
        ({"version": 99}, 'unknown version (99) of interface "Pinger"', "not implemented"),
        ({"request": "Pong"}, "no such request - method Pinger(1).Pong is not implemented", "not implemented"),
        ({"type": 1}, "type of the request is not a text", "bad request"),
        ({"version": "1"}, "version of the request is not a whole number", "bad request"),
        ({"request": []}, "request of the request is not a text", "bad request"),
        ({"params": []}, "params of the request is not an object", "bad request"),
        (
            {"type": "ModelManager", "version": 5, "request": "ModelInfo", "params": {"entities": "model"}},
            "parameter entities is not a list of objects",
            "bad request",
        ),
        (
            {"type": "LabUpgrades", "request": "Get", "params": {"id": 2**70}},
            "parameter id is not a whole number",
            "bad request",
        ),
    ],
)
def test_a_request_that_is_wrong_is_answered(
    controller: Controller, fields: dict[str, object], error: str, code: str
) -> None:
    asking = channel(controller, "/api", login())
    assert asking.receive() is not None
    asking.send(json.dumps({"request-id": 7, "type": "Pinger", "version": 1, "request": "Ping"} | fields))
    answer = json.loads(asking.receive() or "")
    assert answer == {"request-id": 7, "error": error, "error-code": code, "response": {}}
    asking.send(json.dumps({"request-id": 8, "type": "Pinger", "version": 1, "request": "Ping"}))
    assert json.loads(asking.receive() or "") == {"request-id": 8, "response": {}}
    asking.release()


def test_binary_and_broken_frames_end_the_connection(controller: Controller) -> None:
    mask = b"\x00" * 4
    for frame in (b"\x82\x83" + mask + b"{}{", b"\x83\x80" + mask, b"\xff\xff"):
        with tls(controller) as connection:
            connection.sendall(UPGRADE)
            assert connection.recv(4096).startswith(b"HTTP/1.1 101")
            connection.sendall(frame)
            wait_for(
                lambda connection=connection, frame=frame: (is_closed(connection) or None, f"the end after {frame!r}"),
                Deadline(20),
                0.05,
            )


def test_who_is_not_logged_in_gets_few_answers_and_no_room(controller: Controller) -> None:
    ping = json.dumps({"request-id": 1, "type": "Pinger", "version": 1, "request": "Ping"})
    asking = channel(controller, "/api", *[ping] * 3)
    # Before the flood: it may come in one piece, and then nothing of it is answered.
    answers = [json.loads(asking.receive() or "{}").get("error") for _ in range(3)]
    with contextlib.suppress(ConnectionLost):
        for _ in range(FLOOD):
            asking.send(ping)
    while (text := asking.receive()) is not None:
        answers.append(json.loads(text)["error"])
    asking.release()
    assert set(answers) == {"not logged in"}
    assert len(answers) < FLOOD
    huge = channel(controller)
    with contextlib.suppress(ConnectionLost):
        huge.send(login("a" * MIB))
    assert huge.receive() is None
    huge.release()


def test_huge_frames_take_no_memory(controller: Controller) -> None:
    before = controller.resident
    asking = [channel(controller, "/api", login()) for _ in range(20)]
    for one in asking:
        assert one.receive() is not None
        with contextlib.suppress(ConnectionLost):
            one.send(" " * (5 * MIB))
        assert one.receive() is None
        one.release()
    assert controller.resident < before + 60 * MIB


def test_half_open_connections_slow_nobody_down_and_are_turned_out(controller: Controller, model: str) -> None:
    del model
    with controller.admin() as good:
        alone, before = latency(good), controller.resident
        open_ones: list[socket.socket] = [raw(controller) for _ in range(150)]
        for _ in range(50):
            connection = tls(controller)
            open_ones.append(connection)
            connection = tls(controller)
            connection.sendall(b"GET /api HTTP/1.1\r\nX-Slow: ")
            open_ones.append(connection)
            connection = tls(controller)
            connection.sendall(UPGRADE)
            open_ones.append(connection)
        connection = raw(controller)
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        wait_for(lambda: (is_closed(connection) or None, "open: it speaks no TLS"), Deadline(20), 0.05)
        connection.close()
        assert latency(good) < RATIO * alone
        with controller.admin() as another:
            assert another.call("Pinger", "Ping") == {}
        assert controller.resident < before + 100 * MIB

        def left() -> tuple[bool | None, str]:
            still = sum(not is_closed(connection) for connection in open_ones)
            return (True, "") if not still else (None, f"{still} are still open")

        # Those who dribble a byte now and then are no better off.
        def dribble(over: threading.Event) -> None:
            while not over.wait(1):
                for connection in open_ones[150::3]:
                    with contextlib.suppress(OSError, ValueError):
                        connection.setblocking(False)
                        connection.send(b"x")

        with around(controller, dribble, 1):
            wait_for(left, Deadline(60), 0.5)
        assert good.call("Pinger", "Ping") == {}
    for connection in open_ones:
        connection.close()


def test_a_client_that_does_not_read_fills_no_memory(controller: Controller, model: str) -> None:
    status = {"type": "Client", "version": 1, "request": "FullStatus", "params": {"patterns": None}}
    with controller.admin(model) as good:
        size = len(json.dumps(good.call("Client", "FullStatus", {"patterns": None})))
        alone, before = latency(good), controller.resident
        deaf = []
        for _ in range(4):
            one = channel(controller, f"/model/{model}/api", login())
            assert one.receive() is not None
            deaf.append(one)
        asked = 0
        for number in range(2, 2 + MAX_RUNNING):
            for one in deaf:
                one.send(json.dumps({"request-id": number, **status}))
                asked += 1
        assert latency(good) < 10 * RATIO * alone
        # All the answers together would be far more than what is kept.
        assert asked * size > 60 * MIB
        assert controller.resident < before + 30 * MIB
    for one in deaf:
        one.release()


def test_a_client_that_is_busy_elsewhere_is_not_dropped_but_a_silent_agent_is(controller: Controller) -> None:
    with controller.machine_zero() as agent:
        params = {"auth-tag": "machine-0", "credentials": MACHINE_PASSWORD, "nonce": MACHINE_NONCE}
        logging_in = json.dumps({"request-id": 1, "type": "Admin", "version": 3, "request": "Login", "params": params})
        user = channel(controller, "/api", login())
        machine = channel(controller, f"/model/{controller.model}/api", logging_in)
        assert "error" not in json.loads(user.receive() or "") | json.loads(machine.receive() or "")
        # Neither answers a ping as long as nobody asks its channel for what came; TCP is asked whether they are there.
        assert keeps_alive(controller.port)
        time.sleep(HEARTBEAT * 1.5 + 2)
        user.send(json.dumps({"request-id": 2, "type": "Pinger", "version": 1, "request": "Ping"}))
        assert json.loads(user.receive() or "") == {"request-id": 2, "response": {}}
        assert machine.receive() is None
        assert agent.call("Pinger", "Ping") == {}
    user.release()
    machine.release()


def keeps_alive(port: int) -> bool:
    """Whether every connection that was accepted on a port has a timer of TCP's, by the kernel's own table."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    mine = [row for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "01"]
    return bool(mine) and all(not row[5].startswith("00:") for row in mine)


def test_too_much_at_once_is_refused_in_jujus_words(controller: Controller, model: str) -> None:
    asking = channel(controller, f"/model/{model}/api", login())
    assert asking.receive() is not None
    watch = {"request-id": 2, "type": "Client", "version": 1, "request": "WatchAll"}
    asking.send(json.dumps(watch))
    watcher = json.loads(asking.receive() or "")["response"]["watcher-id"]
    for number in range(3, 3 + MAX_RUNNING + 5):
        sent = {"request-id": number, "type": "AllWatcher", "version": 1, "request": "Next", "id": watcher}
        asking.send(json.dumps(sent))
    refused = []
    while len(refused) < 3:
        answer = json.loads(asking.receive() or "")
        if "error" in answer:
            refused.append(answer)
    assert {answer["error-code"] for answer in refused} == {"try again"}
    assert "try again" in refused[0]["error"]
    asking.release()


def test_a_flood_of_wrong_logins_is_slowed_and_slows_nobody(controller: Controller) -> None:
    counts: dict[str, int] = {}

    def flood(over: threading.Event) -> None:
        number = 0
        while not over.is_set():
            number += 1
            # From another address than that of the client that behaves.
            with contextlib.suppress(ConnectionLost, OSError):
                name = ("admin", f"somebody{number}")[number % 2]
                with client_from(controller, "127.0.0.2") as asking:
                    for _ in range(5):
                        try:
                            asking.log_in(f"user-{name}", "wrong", timeout=60)
                        except RpcError as refused:
                            counts[refused.code] = counts.get(refused.code, 0) + 1

    with controller.admin() as good:
        alone = latency(good)
        with around(controller, flood):
            wait_for(lambda: (counts.get("try again"), f"nobody was told to try again: {counts}"), Deadline(60), 0.05)
            assert latency(good) < RATIO * alone
            for _ in range(5):
                controller.admin().close()
    assert counts["unauthorized access"] > 10
    assert counts["try again"] > 10


@contextlib.contextmanager
def client_from(controller: Controller, source: str) -> Iterator[Client]:
    """A client with another address, by way of a forwarder: the API's client has no say in its own."""
    listener = socket.create_server(("127.0.0.1", 0))

    def forward() -> None:
        with contextlib.suppress(OSError):
            inner, _ = listener.accept()
            with inner, raw(controller, source) as outer:
                back = threading.Thread(target=pump, args=(outer, inner))
                back.start()
                pump(inner, outer)
                back.join(60)

    thread = threading.Thread(target=forward)
    thread.start()
    try:
        with connect([f"127.0.0.1:{listener.getsockname()[1]}"], controller.ca, timeout=20) as client:
            yield client
    finally:
        listener.close()
        thread.join(60)


def pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


def test_a_hundred_agents_come_back_at_once_and_none_is_locked_out(tmp_path: Path) -> None:
    with running(tmp_path / "controller") as controller:
        with controller.admin() as admin:
            model = add_model(admin)
        with controller.admin(model) as client:
            client.call("MachineManager", "AddMachines", {"params": [{"series": "bionic"}] * 100})
        agents = [Machine(controller, model, str(number)) for number in range(100)]
        controller.kill()
        controller.start()
        refused: list[str] = []

        def come_back(agent: Machine) -> None:
            try:
                agent.client = agent.log_in()
            except RpcError as error:
                refused.append(str(error))

        with ThreadPoolExecutor(100) as threads:
            list(threads.map(come_back, agents))
        assert refused == []
        with controller.admin(model) as client:
            machines = client.call("Client", "FullStatus", {"patterns": None})["machines"]
        assert len(machines) == 100
        assert {agent.client.call("Pinger", "Ping") == {} for agent in agents} == {True}
        for agent in agents:
            agent.client.close()


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nothing", b"", 404),
        ("DELETE", "/health", b"", 405),
        ("GET", "/tools/nonsense", b"", 400),
        ("GET", "/model/none/tools/2.6.4-bionic-amd64", b"", 404),
        ("POST", "/tools", b"x", 401),
        ("POST", "/register", b"", 400),
        ("POST", "/register", b"[" * 9000, 400),
        ("POST", "/register", b'{"user": 1}', 400),
        ("POST", "/register", b'{"user": "user-x", "secret": "\\ud800", "password": "x"}', 400),
        ("POST", "/register", b"x" * 20_000, 400),
        ("PUT", "/model/none/backups", b"x", 401),
        ("GET", "/model/none/backups", b"\xff", 401),
        ("GET", "/api", b"", 400),
    ],
)
def test_routes_refuse_in_jujus_shape(controller: Controller, method: str, path: str, body: bytes, status: int) -> None:
    connection = http.client.HTTPConnection("controller", timeout=20)
    connection.sock = tls(controller)
    with contextlib.closing(connection):
        connection.request(method, path, body)
        answer = connection.getresponse()
        content = answer.read()
    assert answer.status == status, content
    said = json.loads(content)
    assert said.get("error", said)["message"]


def test_the_door_lets_in_no_more_than_there_is_room_for(tmp_path: Path) -> None:
    """The door by itself, with limits that a test can reach."""
    ca, cert, key = make_certificates()
    seen: list[str] = []

    class Server(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            seen.append(data.decode())
            if data == b"trust me":
                door.trust(self.transport)

    async def run(limits: Limits, act: Callable[[int], None]) -> None:
        nonlocal door
        path = tmp_path / "server.pem"
        path.write_text(cert + key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        port = free_port()
        door = Door(socket.create_server(("127.0.0.1", port)), context, limits)
        door.open(Server)
        await asyncio.to_thread(act, port)
        await door.close()

    door: Door
    trust = tls_context(ca)

    def guests(port: int) -> None:
        first, second = (dial(f"127.0.0.1:{port}", trust, 10) for _ in range(2))
        second.sendall(b"trust me")
        wait_for(lambda: ("trust me" in seen or None, "not trusted"), Deadline(10), 0.01)
        # Two more guests: the oldest goes, the client does not.
        more = [dial(f"127.0.0.1:{port}", trust, 10) for _ in range(2)]
        wait_for(lambda: (is_closed(first) or None, "the oldest guest is still there"), Deadline(10), 0.01)
        second.setblocking(True)
        second.sendall(b"x" * 100)
        wait_for(lambda: ("x" * 100 in "".join(seen) or None, "not heard"), Deadline(10), 0.01)
        more[1].sendall(b"y" * 100)
        wait_for(lambda: (is_closed(more[1]) or None, "a guest may send 50 bytes"), Deadline(10), 0.01)
        assert "y" not in "".join(seen)
        for connection in (first, second, *more):
            connection.close()

    def full(port: int) -> None:
        first = dial(f"127.0.0.1:{port}", trust, 10)
        with pytest.raises(ConnectionLost):
            dial(f"127.0.0.1:{port}", trust, 10)
        first.close()
        wait_for(lambda: (dials(port) or None, "no room after one has left"), Deadline(10), 0.05)

    def dials(port: int) -> bool:
        try:
            dial(f"127.0.0.1:{port}", trust, 10).close()
        except ConnectionLost:
            return False
        return True

    asyncio.run(run(Limits(guests=2, least=0.0, size=50), guests))
    asyncio.run(run(Limits(connections=1), full))
