"""Whatever is sent: an answer of Juju's shape or a closed connection. Minutes of it with ``make fuzz MINUTES=n``."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.target import Target, fresh

MINUTES = float(os.environ.get("FUZZ_MINUTES", "0"))
ERAS = ("2.6.4", "2.9.37", "3.6.9")
METHODS = ("GET", "PUT", "POST", "HEAD", "DELETE", "OPTIONS", "PATCH", "BREW", "GE T")
HEADERS = ("Content-Type", "Content-Length", "Transfer-Encoding", "Expect", "Connection", "Upgrade", "Range", "Digest")
VALUES = ("application/x-tar-gz", "application/json", "0", "-1", "99999999999", "chunked", "100-continue", "websocket")
EXAMPLES = settings(
    max_examples=60 if not MINUTES else 400,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    derandomize=not MINUTES,
)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Target]:
    controller = fresh(tmp_path_factory.mktemp("fuzz"), request.param)
    made = Target(controller)
    try:
        yield made
    finally:
        made.close()
        controller.stop()


def fire_at(target: Target) -> None:
    @EXAMPLES
    @given(st.data())
    def fire(data: st.DataObject) -> None:
        target.fire(data)

    fire()


@pytest.mark.parametrize("target", ERAS, indirect=True)
def test_frames(target: Target) -> None:
    fire_at(target)
    assert target.answers["good"] > 5
    with target.controller.admin() as admin:
        assert admin.call("Pinger", "Ping") == {}


@pytest.mark.parametrize("target", ERAS[-1:], indirect=True)
def test_requests(target: Target) -> None:
    models = st.sampled_from(["", f"/model/{target.model}", f"/model/{target.controller.model}", "/model/none"])
    ends = ("/api", "/log", "/tools", "/tools/2.6.4-bionic-amd64", "/tools/x", "/backups", "/register", "/health", "/x")

    @EXAMPLES
    @given(
        st.sampled_from(METHODS[:-1]),
        st.builds(str.__add__, models, st.sampled_from(ends)),
        st.sampled_from(
            ["", "?binaryVersion=2.6.4-bionic-amd64", "?binaryVersion=x&series=,,", "?maxLines=-1", "?%zz"]
        ),
        st.dictionaries(st.sampled_from(HEADERS), st.one_of(st.sampled_from(VALUES), st.text("ab1/ =;", max_size=9))),
        st.sampled_from(["", "Basic", "Basic !", "Basic dXNlci1h", "Bearer x", target.basic]),
        st.one_of(st.binary(max_size=200), st.sampled_from([b'{"id": 1}', b'{"user": "user-fuzz"}', b"[" * 5000])),
    )
    def ask(method: str, path: str, query: str, headers: dict[str, str], authorization: str, body: bytes) -> None:
        # A length that says more than comes only makes the test wait.
        headers = {key: value for key, value in headers.items() if key != "Content-Length"}
        headers |= {"Authorization": authorization} if authorization else {}
        target.http(method, path + query, headers | {"Connection": "close"}, body)
        target.check()

    ask()


@pytest.mark.parametrize("target", ERAS[:1], indirect=True)
def test_bytes(target: Target) -> None:
    line = st.builds(
        lambda method, path, rest: f"{method} {path} HTTP/1.1\r\n".encode() + rest,
        st.sampled_from(METHODS),
        st.sampled_from(["/", "/api", "//", "*", "/%00", "/" + "a" * 9000, "http://x/"]),
        st.one_of(st.binary(max_size=100), st.just(b"Host: x\r\nContent-Length: 1, 2\r\n"), st.just(b"A" * 70_000)),
    )

    @EXAMPLES
    @given(st.one_of(st.binary(max_size=300), line))
    def send(data: bytes) -> None:
        answer = target.raw(data)
        assert not answer.startswith(b"HTTP/1.1 5"), answer
        target.check()

    send()


@pytest.mark.skipif(not MINUTES, reason="asked for with `make fuzz MINUTES=n`")
def test_for_minutes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fresh controllers, one after another, until the time is over."""
    end, sent, answers = time.monotonic() + 60 * MINUTES, 0, 0
    for number in itertools.count():
        controller = fresh(tmp_path / str(number), ERAS[number % len(ERAS)])
        target = Target(controller)
        try:
            fire_at(target)
        finally:
            target.close()
            controller.stop()
        sent, answers = sent + target.sent, answers + target.answers.total()
        left = max(0.0, end - time.monotonic())
        with capsys.disabled():
            print(f"{sent} frames sent, {answers} answers and closed connections, no crash; {left:.0f} s to go")  # noqa: T201
        if not left:
            return
