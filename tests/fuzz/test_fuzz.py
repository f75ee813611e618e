"""Whatever is sent: an answer of Juju's shape or a closed connection. ``make fuzz`` does it for minutes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.target import ERAS, Target, fresh

METHODS = ("GET", "PUT", "POST", "HEAD", "DELETE", "OPTIONS", "PATCH", "BREW", "GE T")
HEADERS = ("Content-Type", "Content-Length", "Transfer-Encoding", "Expect", "Connection", "Upgrade", "Range", "Digest")
VALUES = ("application/x-tar-gz", "application/json", "0", "-1", "99999999999", "chunked", "100-continue", "websocket")
EXAMPLES = settings(
    max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True
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


@pytest.mark.parametrize("target", ERAS, indirect=True)
def test_frames(target: Target) -> None:
    target.fire_all(EXAMPLES)
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
