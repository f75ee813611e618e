"""Archives that mean harm: the agent and the controller refuse each, with the reason, and keep nothing of it."""

from __future__ import annotations

import base64
import contextlib
import gzip
import http.client
import io
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jujulab_agent.archive import unpack
from jujulab_core import archive
from jujulab_core.errors import VerificationError
from jujulab_core.rpc.channel import dial, tls_context
from tests.fixtures.archives import BAD, Bad, bomb, good, header_bomb
from tests.support.controller_process import ADMIN_PASSWORD, Controller, running

VERSION = "2.6.10-bionic-amd64"
TAR_GZ = "application/x-tar-gz"
by_name = pytest.mark.parametrize("bad", BAD, ids=[bad.name for bad in BAD])


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    with running(tmp_path_factory.mktemp("controller")) as made:
        yield made


def upload(
    controller: Controller, content: bytes, version: str = VERSION, kind: str = TAR_GZ, password: str = ADMIN_PASSWORD
) -> tuple[int, str]:
    connection = http.client.HTTPConnection("juju-apiserver")
    connection.sock = dial(f"127.0.0.1:{controller.port}", tls_context(controller.ca), 10)
    token = base64.b64encode(f"user-admin:{password}".encode()).decode()
    headers = {"Content-Type": kind, "Authorization": f"Basic {token}"}
    query = f"?binaryVersion={version}" if version else ""
    try:
        connection.request("POST", f"/model/{controller.model}/tools{query}", body=content, headers=headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
    finally:
        connection.close()
    return response.status, answer["error"]["message"] if "error" in answer else answer["tools"][0]["version"]


def stored(controller: Controller) -> dict[str, list[str]]:
    root = controller.directory / "data" / "db" / "binaries"
    return {name: sorted(path.name for path in (root / name).iterdir()) for name in ("blobs", "partial")}


@by_name
def test_the_agent_refuses_it(bad: Bad, tmp_path: Path) -> None:
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    with pytest.raises(VerificationError, match=r".") as caught:
        unpack(io.BytesIO(bad.content), str(inside))
    assert bad.reason in str(caught.value)
    # Whatever was unpacked before is in the one directory, which the caller removes.
    assert [path.name for path in tmp_path.rglob("*") if inside not in path.parents] == ["a", "b"]


@by_name
def test_the_controller_refuses_it_and_keeps_nothing(bad: Bad, controller: Controller) -> None:
    before = stored(controller)
    status, message = upload(controller, bad.content)
    assert status == 400
    assert bad.reason in message
    assert stored(controller) == before
    assert before["partial"] == []


def test_a_bomb_is_stopped_with_little_memory() -> None:
    for content in (bomb(64 * 1024 * 1024), header_bomb(256 * 1024 * 1024)):
        tracemalloc.start()
        with pytest.raises(VerificationError, match=r"more than|longer than"):
            list(archive.members(io.BytesIO(content), max_bytes=16 * 1024 * 1024))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 8 * 1024 * 1024


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damage_of_any_kind_is_refused_or_harmless(data: st.DataObject) -> None:
    plain = bytearray(gzip.decompress(data.draw(st.sampled_from([good(), *(bad.content for bad in BAD[:13])]))))
    for _ in range(data.draw(st.integers(1, 4))):
        plain[data.draw(st.integers(0, min(len(plain), 4096) - 1))] = data.draw(st.integers(0, 255))
    names = []
    with contextlib.suppress(VerificationError):
        for member, content in archive.members(io.BytesIO(gzip.compress(bytes(plain), 1))):
            names.append(member.name)
            content.read(1)
    assert not any("/" in name or "\\" in name or name in ("", ".", "..") for name in names)
    assert len(set(names)) == len(names)


def test_a_good_one_is_taken(controller: Controller) -> None:
    assert upload(controller, good()) == (200, VERSION)
    with controller.admin(controller.model) as client:
        versions = {entry["version"] for entry in client.call("LabBinaries", "Stored")["binaries"]}
    assert VERSION in versions


@pytest.mark.parametrize(
    ("version", "kind", "content", "status", "reason"),
    [
        ("", TAR_GZ, b"x", 400, "expected binaryVersion argument"),
        ("2.6", TAR_GZ, b"x", 400, 'invalid agent binaries version "2.6": '),
        (VERSION, "text/plain", b"x", 400, "expected Content-Type: application/x-tar-gz, got: text/plain"),
        (VERSION, TAR_GZ, b"", 400, "no agent binaries uploaded"),
    ],
)
def test_juju_s_refusals(
    controller: Controller, version: str, kind: str, content: bytes, status: int, reason: str
) -> None:
    found, message = upload(controller, content, version, kind)
    assert found == status
    assert reason in message


def test_nobody_uploads_without_a_login(controller: Controller) -> None:
    assert upload(controller, good(), password="wrong")[0] == 401
