"""Downloads that must end: endless, slow, silent and oversized answers, with real servers; and proxies."""

from __future__ import annotations

import asyncio
import time
import tracemalloc

import pytest

from jujulab_controller.transfer import NotThereError, Patience, Transfer
from jujulab_core.errors import VerificationError
from jujulab_core.rules.proxies import proxy_for
from tests.fixtures.servers import Answer, dripping, endless, fixed, proxy, serving, silent

LIMIT = 4 * 1024 * 1024
HASTY = Patience(window=0.5, least_rate=1000, total=3.0)


def read(url: str, config: dict[str, str] | None = None, limit: int = LIMIT, patience: Patience = HASTY) -> bytes:
    async def run() -> bytes:
        transfer = Transfer("")
        try:
            return await transfer.text(url, limit, config or {}, patience)
        finally:
            await transfer.close()

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (endless(), "goes on after the 4194304 bytes"),
        (endless(declared=200 * 1024 * 1024), "it has 209715200 bytes, at most 4194304 are expected"),
        (dripping(0.05), "too slow"),
        (dripping(0.7), "too slow"),
        (silent, "too slow"),
    ],
    ids=["endless", "200 MB", "dripping", "stalled", "silent"],
)
def test_what_does_not_end_is_given_up(answer: Answer, reason: str) -> None:
    with serving(answer) as url:
        tracemalloc.start()
        began = time.monotonic()
        with pytest.raises(VerificationError, match=reason) as caught:
            read(f"{url}/streams/v1/index2.sjson")
        took = time.monotonic() - began
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert url in str(caught.value)
    assert took < 4
    assert peak < 4 * LIMIT


def test_a_total_deadline_holds_for_what_is_just_fast_enough() -> None:
    patience = Patience(window=0.5, least_rate=1, total=1.5)
    with serving(dripping(0.01)) as url, pytest.raises(VerificationError, match=r"had not ended after 1\.5 s"):
        read(url, patience=patience)


def test_what_is_not_there() -> None:
    def missing(request: object, _: object) -> None:
        request.send_error(404)  # type: ignore[attr-defined]

    with serving(missing) as url, pytest.raises(NotThereError, match="HTTP 404"):
        read(url)
    with pytest.raises(VerificationError, match=r"cannot read http://127\.0\.0\.1:9/x"):
        read("http://127.0.0.1:9/x")


def test_a_proxy_is_used_and_exceptions_are_kept() -> None:
    asked: list[str] = []
    with serving(fixed(b"content")) as origin, serving(proxy(asked, origin)) as through:
        config = {"http-proxy": through, "no-proxy": "127.0.0.1,localhost"}
        assert read("http://streams.canonical.com/file", config) == b"content"
        assert asked == ["http://streams.canonical.com/file"]
        assert read(f"{origin}/file", config) == b"content"
        assert len(asked) == 1
    with pytest.raises(VerificationError, match=f"through the proxy {through}"):
        read("http://streams.canonical.com/file", config)


@pytest.mark.parametrize(
    ("url", "config", "expected"),
    [
        ("http://a/x", {}, ""),
        ("http://a/x", {"http-proxy": "http://p:3128"}, "http://p:3128"),
        ("http://a/x", {"http-proxy": "p:3128"}, "http://p:3128"),
        ("https://a/x", {"http-proxy": "http://p:3128"}, ""),
        ("https://a/x", {"https-proxy": "http://p:3128"}, "http://p:3128"),
        ("http://a/x", {"http-proxy": "http://p", "juju-http-proxy": "http://j"}, "http://j"),
        ("https://a/x", {"https-proxy": "http://p", "juju-http-proxy": "http://j"}, ""),
        ("http://a/x", {"http-proxy": "http://p", "no-proxy": "b,a"}, ""),
        ("http://a.b.c/x", {"http-proxy": "http://p", "no-proxy": ".b.c"}, ""),
        ("http://a.b.c/x", {"http-proxy": "http://p", "no-proxy": "b.c"}, ""),
        ("http://ab.c/x", {"http-proxy": "http://p", "no-proxy": "b.c"}, "http://p"),
        ("http://10.1.2.3/x", {"http-proxy": "http://p", "no-proxy": "10.0.0.0/8"}, ""),
        ("http://11.1.2.3/x", {"http-proxy": "http://p", "no-proxy": "10.0.0.0/8"}, "http://p"),
        ("http://a/x", {"http-proxy": "http://p", "no-proxy": "*"}, ""),
        ("http://a/x", {"juju-http-proxy": "http://p", "no-proxy": "a"}, "http://p"),
    ],
)
def test_which_proxy(url: str, config: dict[str, str], expected: str) -> None:
    assert proxy_for(url, config) == expected
