"""The user's checks: how they are written, and what an answer means."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from jujulab.rollout import checks, probes
from jujulab.rollout.checks import Check, Opinion, Verdict
from jujulab_core.errors import UsageError


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        ({"tcp": 80}, Check("tcp 80", "tcp", "80")),
        ({"name": "web", "http": ":8080/health", "status": 204}, Check("web", "http", ":8080/health", 204)),
        (
            {"name": "x", "exec": "true", "timeout": 2, "on": ["0", "ubuntu"]},
            Check("x", "exec", "true", 200, 2.0, ("0", "ubuntu")),
        ),
    ],
)
def test_a_check_is_read(wire: dict[str, Any], expected: Check) -> None:
    assert Check.from_wire(wire) == expected


@pytest.mark.parametrize(
    ("wire", "said"),
    [
        ("tcp 80", "a check is a map such as"),
        ({"name": "x"}, 'check "x" must have exactly one of exec, http, tcp'),
        ({"tcp": 80, "exec": "true"}, "must have exactly one of"),
        ({"tcp": "http"}, 'tcp is "http": give a port'),
        ({"tcp": 65536}, "give a port"),
        ({"http": "/health"}, "give :PORT/PATH or http://{address}:PORT/PATH"),
        ({"http": "https://{address}/"}, "give :PORT/PATH"),
        ({"http": "http://elsewhere/"}, "give :PORT/PATH"),
        ({"http": ":x/"}, '"x" is not a port'),
        ({"tcp": 80, "timeout": 0}, "timeout is"),
        ({"tcp": 80, "timeout": "soon"}, "timeout is"),
        ({"tcp": 80, "status": 600}, "status is"),
        ({"tcp": 80, "on": "0"}, "on must be a list"),
        ({"tcp": 80, "port": 1}, 'has a key "port"'),
    ],
)
def test_what_is_no_check_is_refused_in_one_sentence(wire: object, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        Check.from_wire(wire)
    assert said in str(refused.value)


def test_where_a_check_is_made() -> None:
    check = Check("x", "tcp", "80", on=("3", "ubuntu"))
    assert check.concerns("3", frozenset())
    assert check.concerns("1", frozenset({"ubuntu"}))
    assert not check.concerns("1", frozenset({"haproxy"}))
    assert Check("x", "tcp", "80").concerns("1", frozenset())
    assert Check("x", "http", ":80/a").url("10.0.0.1") == "http://10.0.0.1:80/a"
    assert Check("x", "http", "http://{address}:80/a").url("fd00::1") == "http://[fd00::1]:80/a"


@pytest.mark.parametrize(
    ("code", "verdict"),
    [(0, "good"), (1, "bad"), (2, "bad"), (123, "bad"), (125, "bad")]
    + [(code, "cannot tell") for code in (124, 126, 127, 128, 137, 143, 255, -1)],
)
def test_what_an_exit_code_means(code: int, verdict: str) -> None:
    assert checks.of_exec(code, "words").verdict == verdict


def test_one_bad_answer_decides_then_one_that_cannot_tell() -> None:
    good, bad, unknown = checks.GOOD, Opinion(Verdict.BAD, "b"), Opinion(Verdict.CANNOT_TELL, "u")
    assert checks.together({}) == good
    assert checks.together({"a": good, "b": unknown, "c": bad}) == Opinion(Verdict.BAD, "c: b")
    assert checks.together({"a": good, "b": unknown}) == Opinion(Verdict.CANNOT_TELL, "b: u")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/drips":
            with contextlib.suppress(OSError):
                for _ in range(100):
                    self.wfile.write(b"H")
                    self.wfile.flush()
                    threading.Event().wait(0.05)
            return
        self.send_response(503 if self.path == "/ill" else 302 if self.path == "/moved" else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join(10)


def test_http_and_tcp_from_outside(port: int) -> None:
    def ask(kind: str, target: str, **fields: Any) -> Opinion:
        return probes.ask(Check("x", kind, target, **fields), "127.0.0.1")

    assert ask("tcp", str(port)) == checks.GOOD
    assert ask("http", f":{port}/well") == checks.GOOD
    assert ask("http", f":{port}/moved", status=302) == checks.GOOD
    assert ask("http", f":{port}/ill") == Opinion(Verdict.BAD, "answered 503 instead of 200")
    assert ask("http", f":{port}/drips", timeout=0.2) == Opinion(Verdict.CANNOT_TELL, "no answer within 0.2 s")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        deaf = silent.getsockname()[1]
        assert ask("http", f":{deaf}/", timeout=0.2).verdict is Verdict.CANNOT_TELL
    assert ask("tcp", str(deaf)) == Opinion(Verdict.BAD, "the connection was refused")
    assert ask("http", f":{deaf}/") == Opinion(Verdict.BAD, "the connection was refused")
