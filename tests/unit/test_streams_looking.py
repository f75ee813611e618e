"""One look at a place: a stream that is absent or refused, and the searches that it spoils."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from jujulab_core.errors import JujulabError, VerificationError
from jujulab_core.looking import AbsentError, Look, Terms, failure_of
from jujulab_core.rules.metadata import Policy, Source
from jujulab_core.simplestreams import Item, documents
from jujulab_core.version import Binary

ABSENT, REFUSED = AbsentError("absent"), VerificationError("refused")


def look_at(spoiled: dict[str, bytes | JujulabError | None]) -> Look:
    """A look at an unsigned mirror of three streams, some files of which are others, or fail."""
    now = datetime.now(UTC)
    items = {
        stream: [Item(Binary.parse(version), f"{stream}/x.tgz", 1, "0" * 64)]
        for stream, version in (
            ("released", "2.6.4-bionic-amd64"),
            ("proposed", "2.7.0-bionic-amd64"),
            ("devel", "2.8.0-bionic-amd64"),
        )
    }
    files: dict[str, bytes | JujulabError | None] = {
        path: text.encode() for path, text in documents(items, now).items()
    }
    for name, content in spoiled.items():
        files[f"streams/v1/com.ubuntu.juju-{name}-tools.json"] = content
    look = Look(Source("mirror", "http://mirror", may_be_unsigned=True), Terms("", Policy(unsigned=True), now))
    wanted = look.step()
    while wanted is not None:
        content = files.get(wanted.path)
        wanted = look.failed(content) if isinstance(content, JujulabError) else look.step(content)
    return look


@pytest.mark.parametrize(
    ("spoiled", "offered", "failures"),
    [
        ({}, {"released", "proposed", "devel"}, {}),
        ({"proposed": None}, {"released", "devel"}, {"proposed": "which is not there"}),
        ({"devel": b"{}"}, {"released", "proposed"}, {"devel": "is missing"}),
        ({"released": JujulabError("HTTP 500")}, {"proposed", "devel"}, {"released": "HTTP 500"}),
    ],
    ids=["whole", "absent", "wrong", "unreadable"],
)
def test_one_stream_does_not_spoil_the_others(
    spoiled: dict[str, bytes | JujulabError | None], offered: set[str], failures: dict[str, str]
) -> None:
    look = look_at(spoiled)
    assert {offer.stream for offer in look.offers} == offered
    assert look.failures.keys() == failures.keys()
    for stream, reason in failures.items():
        assert reason in str(look.failures[stream])


def test_a_place_where_nothing_is_left_fails() -> None:
    with pytest.raises(AbsentError, match="which is not there"):
        look_at(dict.fromkeys(("released", "proposed", "devel")))


@pytest.mark.parametrize(
    ("streams", "found", "failures", "expected"),
    [
        (("released",), {"released"}, {"proposed": REFUSED}, None),
        (("released",), set(), {"released": ABSENT}, ABSENT),
        (("proposed", "released"), {"released"}, {"proposed": ABSENT}, None),
        (("proposed", "released"), {"released"}, {"proposed": REFUSED}, REFUSED),
        (("proposed", "released"), {"proposed"}, {"released": REFUSED}, REFUSED),
        (("devel", "proposed", "released"), {"released"}, {"devel": ABSENT, "proposed": REFUSED}, REFUSED),
        (("mine",), set(), {}, None),
    ],
)
def test_which_failures_spoil_a_search(
    streams: tuple[str, ...], found: set[str], failures: dict[str, JujulabError], expected: JujulabError | None
) -> None:
    assert failure_of(streams, found, failures) is expected
