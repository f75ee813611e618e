"""Downloading, verifying and unpacking agent binaries, from a real HTTPS server."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from jujulab_agent import archive, fetch
from jujulab_agent.builder.tarball import build_tarball
from jujulab_core.errors import JujulabError, VerificationError
from jujulab_core.rpc.channel import tls_context
from jujulab_core.version import Binary
from tests.support.fake_controller import MODEL, FakeController

BINARY = Binary.parse("2.6.10-bionic-amd64")
PATH = f"/model/{MODEL}/tools/{BINARY}"


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeController]:
    with FakeController(tmp_path_factory.mktemp("controller")) as running:
        yield running


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    (tmp_path / "tools").mkdir()
    return tmp_path


def offer(controller: FakeController, content: bytes, **changes: object) -> dict[str, object]:
    described = {
        "version": str(BINARY),
        "url": f"https://{controller.address}{PATH}",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
    }
    controller.files[PATH] = content
    return described | changes


def run(data_dir: Path, controller: FakeController, *offers: dict[str, object]) -> None:
    fetch.Fetch(str(data_dir), tls_context(controller.ca)).run(BINARY, offers)


def names(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


def left_over(data_dir: Path) -> list[str]:
    return [name for name in names(data_dir / "tools") if name != str(BINARY)]


def test_a_binary_arrives_complete(data_dir: Path, controller: FakeController) -> None:
    content = build_tarball(b"#!/bin/true\n", 700_000)
    assert not fetch.is_complete(str(data_dir), BINARY)
    offered = offer(controller, content)
    run(data_dir, controller, offered)
    assert fetch.is_complete(str(data_dir), BINARY)
    directory = data_dir / "tools" / str(BINARY)
    assert (directory / "jujud").stat().st_mode & 0o777 == 0o755
    assert directory.stat().st_mode & 0o777 == 0o755
    described = (directory / "downloaded-tools.txt").read_text()
    assert json.loads(described) == offered
    assert described.startswith('{"version":"2.6.10-bionic-amd64","url":"https://')
    assert not left_over(data_dir)
    # The same again changes nothing and is no error.
    run(data_dir, controller, offered)


def test_an_offer_that_fails_is_followed_by_the_next(data_dir: Path, controller: FakeController) -> None:
    good = offer(controller, build_tarball(b"#!/bin/true\n"))
    run(data_dir, controller, good | {"url": "https://127.0.0.1:1/x"}, good)
    assert fetch.is_complete(str(data_dir), BINARY)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sha256": "0" * 64}, f"cannot unpack agent binaries: tarball sha256 mismatch, expected {'0' * 64}, got "),
        ({"size": 5}, "cannot unpack agent binaries: tarball size mismatch, expected 5, got at least "),
        ({"size": 10**6}, "cannot unpack agent binaries: tarball size mismatch, expected 1000000, got "),
        ({"url": "http://127.0.0.1/x"}, "is not an https address"),
    ],
)
def test_what_is_not_as_promised_is_not_unpacked(
    data_dir: Path, controller: FakeController, changes: dict[str, object], reason: str
) -> None:
    offered = offer(controller, build_tarball(b"#!/bin/true\n"), **changes)
    with pytest.raises(JujulabError) as caught:
        run(data_dir, controller, offered)
    assert str(caught.value).startswith(f'failed to fetch agent binaries from "{offered["url"]}": ')
    assert reason in str(caught.value)
    assert not names(data_dir / "tools")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((400, b"nonsense"), "bad HTTP response: 400 Bad Request"),
        ((400, b'{"error": "no such"}'), "bad HTTP response: 400 Bad Request: no such"),
        ((404, b'{"error": {"message": "gone"}}'), "bad HTTP response: 404 Not Found: gone"),
    ],
)
def test_a_refusal_is_passed_on(
    data_dir: Path, controller: FakeController, answer: tuple[int, bytes], reason: str
) -> None:
    offered = offer(controller, b"")
    controller.files[PATH] = answer
    with pytest.raises(JujulabError) as caught:
        run(data_dir, controller, offered)
    assert str(caught.value).endswith(reason)


def test_no_offer(data_dir: Path, controller: FakeController) -> None:
    with pytest.raises(JujulabError, match=f"nobody offers {BINARY}"):
        run(data_dir, controller)


@pytest.mark.parametrize("silent", ["before the answer", "in the midst of it"])
def test_a_download_can_be_given_up(data_dir: Path, controller: FakeController, silent: str) -> None:
    reached = threading.Event()

    async def stall(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if silent != "before the answer":
            await response.prepare(request)
            await response.write(b"x")
        reached.set()
        await asyncio.sleep(60)
        return response

    offered = offer(controller, b"")
    controller.files[PATH] = stall
    job = fetch.Fetch(str(data_dir), tls_context(controller.ca))
    caught: list[BaseException] = []

    def work() -> None:
        try:
            job.run(BINARY, [offered])
        except JujulabError as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert reached.wait(10)
    began = time.monotonic()
    job.cancel()
    thread.join(10)
    assert isinstance(caught[0], fetch.CancelledError)
    assert time.monotonic() - began < 5
    assert not names(data_dir / "tools")


def test_a_damaged_directory_makes_room(data_dir: Path, controller: FakeController) -> None:
    damaged = data_dir / "tools" / str(BINARY)
    damaged.mkdir()
    (damaged / "jujud").write_text("")
    run(data_dir, controller, offer(controller, build_tarball(b"#!/bin/true\n")))
    assert fetch.is_complete(str(data_dir), BINARY)
    assert names(data_dir / "tools") == [str(BINARY)]


def test_what_a_killed_agent_has_left_goes_and_what_others_are_at_stays(data_dir: Path) -> None:
    tools = data_dir / "tools"
    (tools / "unpacking-agent-0a0b0c0d-00000000").mkdir()
    (tools / ".download-0a0b0c0d-00000000").touch()
    others = {"unpacking-sh-Ab12Cd", fetch._temporary_name("", "unpacking-agent")[1:]}
    for name in others:
        (tools / name).mkdir()
    fetch.remove_leftovers(str(data_dir))
    assert set(names(tools)) == others


def pack(*members: tuple[str, bytes, bytes]) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        for name, kind, content in members:
            member = tarfile.TarInfo(name)
            member.type, member.size, member.mode, member.linkname = kind, len(content), 0o4777, "x"
            packed.addfile(member, io.BytesIO(content))
    buffer.seek(0)
    return buffer


JUJUD = ("jujud", tarfile.REGTYPE, b"x")


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([], 'no file "jujud" in agent binary archive'),
        ([("a/b", tarfile.REGTYPE, b"")], 'bad name "a/b" in agent binary archive'),
        ([("../b", tarfile.REGTYPE, b"")], 'bad name "../b" in agent binary archive'),
        ([("a\\b", tarfile.REGTYPE, b"")], 'bad name "a\\b" in agent binary archive'),
        ([("..", tarfile.REGTYPE, b"")], 'bad name ".." in agent binary archive'),
        ([("/jujud", tarfile.REGTYPE, b"")], 'bad name "/jujud" in agent binary archive'),
        ([("d", tarfile.DIRTYPE, b"")], 'bad file type 5 in file "d" in agent binary archive'),
        ([("s", tarfile.SYMTYPE, b"")], 'bad file type 2 in file "s" in agent binary archive'),
        ([("h", tarfile.LNKTYPE, b"")], 'bad file type 1 in file "h" in agent binary archive'),
        ([("f", tarfile.FIFOTYPE, b"")], 'bad file type 6 in file "f" in agent binary archive'),
        ([JUJUD, JUJUD], 'duplicate file "jujud" in agent binary archive'),
        ([JUJUD, *((f"f{n}", tarfile.REGTYPE, b"") for n in range(1000))], "more than 1073741824 bytes or 1000 files"),
    ],
)
def test_archives_that_are_refused(tmp_path: Path, members: list[tuple[str, bytes, bytes]], reason: str) -> None:
    with pytest.raises(VerificationError) as caught:
        archive.unpack(pack(*members), str(tmp_path))
    assert reason in str(caught.value)


@pytest.mark.parametrize("damage", ["not gzip", "cut off", "flipped"])
def test_archives_that_are_none(tmp_path: Path, damage: str) -> None:
    content = bytearray(pack(JUJUD).getvalue())
    if damage == "not gzip":
        content = bytearray(b"nonsense")
    elif damage == "cut off":
        del content[len(content) // 2 :]
    else:
        content[len(content) // 2] ^= 0xFF
    with pytest.raises(VerificationError, match="it is not a gzipped tar archive"):
        archive.unpack(io.BytesIO(bytes(content)), str(tmp_path))


def test_a_bomb_is_stopped_before_it_bursts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_UNPACKED_BYTES", 1_000_000)
    with pytest.raises(VerificationError, match="unpacks to more than"):
        archive.unpack(pack(("zeros", tarfile.REGTYPE, bytes(2_000_000)), JUJUD), str(tmp_path))
    assert not names(tmp_path)


def test_nothing_is_set_uid_or_writable_by_others(tmp_path: Path) -> None:
    archive.unpack(pack(JUJUD, ("more", tarfile.REGTYPE, b"x")), str(tmp_path))
    assert {name: (tmp_path / name).stat().st_mode & 0o7777 for name in names(tmp_path)} == {
        "jujud": 0o755,
        "more": 0o755,
    }
