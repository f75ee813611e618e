"""The RPC client against a real TLS websocket server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jujulab_core.errors import ConnectionLost, DeadlineError, JujulabError, RpcError
from jujulab_core.rpc import Client, Reply, connect, only_result
from tests.support.fake_controller import MODEL, FakeController, RefusalError


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeController]:
    with FakeController(tmp_path_factory.mktemp("controller")) as running:
        yield running


@pytest.fixture
def client(controller: FakeController) -> Iterator[Client]:
    with connect([controller.address], controller.ca, model=MODEL) as made:
        made.log_in("machine-0", "a password", nonce="a nonce")
        yield made


def test_login_tells_versions_and_facades(controller: FakeController, client: Client) -> None:
    assert client.login is not None
    assert client.login.server_version == "2.6.10"
    assert client.login.facades["Upgrader"] == 1
    sent = {"auth-tag": "machine-0", "credentials": "a password", "nonce": "a nonce", "user-data": "jujulab"}
    assert ("Admin.Login", sent) in controller.history
    assert client.local_address == "127.0.0.1"


def test_errors_carry_message_and_code(controller: FakeController, client: Client) -> None:
    def refuse(_: dict[str, Any]) -> None:
        raise RefusalError("not now", "upgrade in progress")

    controller.handlers["Machiner.Refuse"] = refuse
    with pytest.raises(RpcError) as caught:
        client.call("Machiner", "Refuse")
    assert (caught.value.message, caught.value.code) == ("not now", "upgrade in progress")
    with pytest.raises(RpcError, match='unknown facade type "Nonsense"'):
        client.call("Nonsense", "Method")


def test_a_bulk_result_may_be_an_error() -> None:
    assert only_result({"results": [{"life": "alive"}]}) == {"life": "alive"}
    assert only_result({"results": [{"error": None}]}) == {"error": None}
    assert only_result({}) == {}
    with pytest.raises(RpcError, match=r"gone \(not found\)"):
        only_result({"results": [{"error": {"message": "gone", "code": "not found"}}]})


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 5_000_000])
def test_messages_of_all_sizes(controller: FakeController, client: Client, size: int) -> None:
    controller.handlers["Machiner.Echo"] = lambda params: params
    text = "ä" * (size // 2)
    assert client.call("Machiner", "Echo", {"text": text}) == {"text": text}


def test_a_blocked_call_does_not_delay_others(controller: FakeController, client: Client) -> None:
    controller.handlers["Machiner.Block"] = lambda _: asyncio.sleep(60)
    controller.handlers["Machiner.Echo"] = lambda params: params
    blocked = client.submit("Machiner", "Block")
    answers: list[Any] = []
    threads = [
        threading.Thread(target=lambda n=n: answers.append(client.call("Machiner", "Echo", {"n": n})))
        for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(answer["n"] for answer in answers) == list(range(20))
    with pytest.raises(DeadlineError, match=r"no answer from the controller to Machiner.Block within 0.05 s"):
        blocked.result(0.05)
    # Nobody waits for it any more, so nothing is kept for it.
    assert client._pending == {}


def test_an_answer_can_be_told(controller: FakeController, client: Client) -> None:
    controller.handlers["Machiner.Echo"] = lambda params: params
    told = threading.Event()
    replies: list[Reply] = []
    client.submit("Machiner", "Echo", {"n": 1}, on_done=lambda reply: (replies.append(reply), told.set()))
    assert told.wait(10)
    assert replies[0].result(0) == {"n": 1}


def test_a_lost_connection_ends_every_wait(controller: FakeController, client: Client) -> None:
    controller.handlers["Machiner.Block"] = lambda _: asyncio.sleep(60)
    closed = threading.Event()
    client.when_closed(closed.set)
    blocked = client.submit("Machiner", "Block")
    controller.drop_all()
    with pytest.raises(ConnectionLost, match="ended"):
        blocked.result(10)
    assert closed.wait(10)
    assert not client.is_open
    with pytest.raises(ConnectionLost, match="has ended"):
        client.call("Machiner", "Block")
    again = threading.Event()
    client.when_closed(again.set)
    assert again.is_set()


def test_close_wakes_whoever_waits(controller: FakeController, client: Client) -> None:
    controller.handlers["Machiner.Block"] = lambda _: asyncio.sleep(60)
    blocked = client.submit("Machiner", "Block")
    began = time.monotonic()
    client.close()
    with pytest.raises(ConnectionLost):
        blocked.result(10)
    assert time.monotonic() - began < 5
    client.close()


def test_a_peer_that_talks_nonsense_is_dropped(controller: FakeController, client: Client) -> None:
    async def talk() -> None:
        for one in list(controller.sockets):
            await one.send_str("[nonsense")

    controller.handlers["Machiner.Block"] = lambda _: asyncio.sleep(60)
    blocked = client.submit("Machiner", "Block")
    asyncio.run_coroutine_threadsafe(talk(), controller.loop).result(10)
    with pytest.raises(ConnectionLost, match="is not Juju's protocol"):
        blocked.result(10)


def test_only_the_labs_controller_is_trusted(controller: FakeController, tmp_path: Path) -> None:
    other_ca, other_name = tmp_path / "ca", tmp_path / "name"
    other_ca.mkdir()
    other_name.mkdir()
    with FakeController(other_ca) as stranger, pytest.raises(ConnectionLost, match="secure connection"):
        connect([stranger.address], controller.ca)
    with FakeController(other_name, "elsewhere") as stranger, pytest.raises(ConnectionLost, match="juju-apiserver"):
        connect([stranger.address], stranger.ca)
    with pytest.raises(JujulabError, match="cannot read the CA certificate"):
        connect([controller.address], "nonsense")


def test_the_first_address_that_answers_is_used(controller: FakeController) -> None:
    with connect(["127.0.0.1:1", controller.address], controller.ca) as made:
        assert made.address == controller.address
    with pytest.raises(ConnectionLost, match=r"cannot connect to 127.0.0.1:1: "):
        connect(["127.0.0.1:1"], controller.ca)
    with pytest.raises(ConnectionLost, match="no address"):
        connect([], controller.ca)


def test_a_name_of_several_controllers_leads_to_any_of_them(
    controller: FakeController, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of them stands still, which its kernel does not tell; whoever tries again comes past it."""
    with socket.create_server(("127.0.0.2", controller.port)) as still:
        numbers = socket.getaddrinfo

        def addresses(host: str, port: int, *words: Any, **named: Any) -> list[Any]:
            found = ("127.0.0.2", "127.0.0.1") if host == "controller" else (host,)
            return [entry for address in found for entry in numbers(address, port, *words, **named)]

        monkeypatch.setattr(socket, "getaddrinfo", addresses)
        for _ in range(30):
            with contextlib.suppress(ConnectionLost):
                connect([f"controller:{controller.port}"], controller.ca, timeout=0.2).close()
                break
        else:
            pytest.fail("always the one that stands still")
        still.close()
        # One that is off is passed by at once.
        for _ in range(10):
            connect([f"controller:{controller.port}"], controller.ca, timeout=5).close()


def test_a_path_that_is_no_websocket(controller: FakeController) -> None:
    from jujulab_core.rpc.channel import Channel, tls_context

    with pytest.raises(ConnectionLost, match="refused"):
        Channel(controller.address, "/nothing", tls_context(controller.ca), 5)
