"""Simplestreams documents: what is printed can be read, and what is damaged is refused with a reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jujulab_core import simplestreams as streams
from jujulab_core.errors import UsageError, VerificationError
from jujulab_core.version import Binary

UPDATED = datetime(2019, 6, 4, 10, tzinfo=UTC)
SHA256 = "ab" * 32
TOOLS = "com.ubuntu.juju:released:tools"
AGENTS = "com.ubuntu.juju:released:agents"


def item(text: str, stream: str = "released", size: int = 1001, sha256: str = SHA256) -> streams.Item:
    binary = Binary.parse(text)
    return streams.Item(binary, streams.item_path(stream, binary), size, sha256)


def one_document() -> dict[str, Any]:
    texts = streams.documents({"released": [item("2.6.3-bionic-amd64")]}, UPDATED)
    document: dict[str, Any] = json.loads(texts[streams.products_path(TOOLS)])
    return document


def test_the_layout_of_both_eras() -> None:
    offered = [item("2.6.5-bionic-amd64"), item("2.6.10-bionic-arm64"), item("2.9.29-ubuntu-amd64")]
    texts = streams.documents({"released": offered, "proposed": [item("2.8.0-focal-amd64", "proposed")]}, UPDATED)

    assert sorted(texts) == [
        "streams/v1/com.ubuntu.juju-proposed-tools.json",
        "streams/v1/com.ubuntu.juju-released-agents.json",
        "streams/v1/com.ubuntu.juju-released-tools.json",
        "streams/v1/index.json",
        "streams/v1/index2.json",
    ]
    index = json.loads(texts["streams/v1/index2.json"])
    assert index["format"] == "index:1.0"
    assert index["index"][TOOLS] == {
        "updated": "Tue, 04 Jun 2019 10:00:00 +0000",
        "format": "products:1.0",
        "datatype": "content-download",
        "path": "streams/v1/com.ubuntu.juju-released-tools.json",
        "products": ["com.ubuntu.juju:18.04:amd64", "com.ubuntu.juju:18.04:arm64"],
    }
    assert list(json.loads(texts["streams/v1/index.json"])["index"]) == [AGENTS, TOOLS]
    products = json.loads(texts["streams/v1/com.ubuntu.juju-released-tools.json"])
    assert products["content_id"] == TOOLS
    assert products["products"]["com.ubuntu.juju:18.04:amd64"] == {
        "version": "2.6.5",
        "arch": "amd64",
        "versions": {
            "20190604": {
                "items": {
                    "2.6.5-bionic-amd64": {
                        "release": "bionic",
                        "version": "2.6.5",
                        "arch": "amd64",
                        "size": 1001,
                        "path": "released/juju-2.6.5-bionic-amd64.tgz",
                        "ftype": "tar.gz",
                        "sha256": SHA256,
                    }
                }
            }
        },
    }
    agents = json.loads(texts["streams/v1/com.ubuntu.juju-released-agents.json"])
    (entry,) = agents["products"]["com.ubuntu.juju:ubuntu:amd64"]["versions"]["20190604"]["items"].values()
    assert entry["release"] == "ubuntu"
    assert entry["path"] == "agent/2.9.29/juju-2.9.29-linux-amd64.tgz"


def test_a_product_carries_its_newest_version() -> None:
    offered = [item("2.6.10-bionic-amd64"), item("2.6.9-bionic-amd64")]
    texts = streams.documents({"released": offered}, UPDATED)
    products = json.loads(texts[streams.products_path(TOOLS)])["products"]
    assert products["com.ubuntu.juju:18.04:amd64"]["version"] == "2.6.10"


BINARIES = st.builds(
    lambda minor, patch, series, arch: f"2.{minor}.{patch}-{'ubuntu' if minor >= 9 else series}-{arch}",
    st.integers(0, 12),
    st.integers(0, 99),
    st.sampled_from(["trusty", "xenial", "bionic", "focal", "jammy", "noble"]),
    st.sampled_from(["amd64", "arm64"]),
)


@settings(max_examples=40)
@given(st.dictionaries(st.sampled_from(["released", "proposed", "devel"]), st.sets(BINARIES, min_size=1, max_size=8)))
def test_what_is_printed_can_be_read(offer: dict[str, set[str]]) -> None:
    offered = {stream: [item(text, stream) for text in sorted(texts)] for stream, texts in offer.items()}
    texts = streams.documents(offered, UPDATED)
    found: dict[str, set[streams.Item]] = {}
    for entry in streams.parse_index(texts[streams.INDEX_PATH]).entries:
        found.setdefault(entry.stream, set()).update(streams.parse_products(texts[entry.path], entry.content_id))
    assert found == {stream: set(items) for stream, items in offered.items()}


def test_unknown_fields_and_foreign_entries_are_ignored() -> None:
    texts = streams.documents({"released": [item("2.6.3-bionic-amd64")]}, UPDATED)
    index = json.loads(texts[streams.INDEX_PATH])
    index["index"]["com.ubuntu.cloud:released:download"] = {"format": "something else"}
    index["more"] = [1]
    assert [entry.content_id for entry in streams.parse_index(json.dumps(index)).entries] == [TOOLS]
    document = one_document()
    document["products"]["com.ubuntu.juju:18.04:amd64"]["more"] = 1
    assert len(streams.parse_products(json.dumps(document), TOOLS)) == 1


def test_an_item_inherits_from_its_product() -> None:
    document = one_document()
    product = document["products"]["com.ubuntu.juju:18.04:amd64"]
    del product["versions"]["20190604"]["items"]["2.6.3-bionic-amd64"]["arch"]
    assert [str(found.binary) for found in streams.parse_products(json.dumps(document), TOOLS)] == [
        "2.6.3-bionic-amd64"
    ]


def change_item(key: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        group = document["products"]["com.ubuntu.juju:18.04:amd64"]["versions"]["20190604"]
        if value is None:
            del group["items"]["2.6.3-bionic-amd64"][key]
        else:
            group["items"]["2.6.3-bionic-amd64"][key] = value

    return change


def list_twice(document: dict[str, Any]) -> None:
    versions = document["products"]["com.ubuntu.juju:18.04:amd64"]["versions"]
    again = versions["20190604"]["items"]["2.6.3-bionic-amd64"] | {"sha256": "cd" * 32}
    versions["20190605"] = {"items": {"again": again}}


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda d: d.update(format="products:2.0"), 'format is "products:2.0", expected "products:1.0"'),
        (lambda d: d.pop("format"), "format is missing"),
        (lambda d: d.update(content_id=AGENTS), f'content_id is "{AGENTS}", expected "{TOOLS}"'),
        (lambda d: d.update(products=[]), "products is not an object"),
        (lambda d: d.pop("products"), "products is missing"),
        (lambda d: d["products"].update(x=1), "products > x: not an object"),
        (change_item("size", 0), "size is 0, expected a number of bytes from 1"),
        (change_item("size", True), "size is True"),
        (change_item("size", "1001"), "size is '1001'"),
        (change_item("size", 2**40), "size is 1099511627776"),
        (change_item("sha256", "AB" * 32), "sha256 is not 64 lower-case hexadecimal digits"),
        (change_item("sha256", None), "sha256 is missing"),
        (change_item("sha256", 1), "sha256 is not a text"),
        (change_item("path", "../etc/passwd"), 'path "../etc/passwd" is not a plain relative path'),
        (change_item("path", "/etc/passwd"), "is not a plain relative path"),
        (change_item("path", "https://elsewhere/x.tgz"), "is not a plain relative path"),
        (change_item("path", "a" * 2000), "path is longer than 1024 characters"),
        (change_item("ftype", "zip"), 'ftype is "zip", expected "tar.gz"'),
        (change_item("version", "2.6"), 'invalid binary version "2.6-bionic-amd64"'),
        (change_item("release", None), "release is missing"),
        (list_twice, "2.6.3-bionic-amd64 is listed twice with different contents"),
    ],
)
def test_damaged_products_are_refused(damage: Callable[[dict[str, Any]], None], reason: str) -> None:
    document = one_document()
    damage(document)
    with pytest.raises(VerificationError) as caught:
        streams.parse_products(json.dumps(document), TOOLS)
    assert reason in str(caught.value)
    assert str(caught.value).startswith("simplestreams products")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not valid JSON"),
        ("[]", "not a JSON object"),
        ('{"format": NaN}', "NaN is not JSON"),
        ('{"format": "index:1.0", "format": "index:1.0"}', "the same key twice"),
        ("[" * 100_000, "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        ('{"format": "index:1.0"}', "index is missing"),
        (" " * 5_000_000, "longer than 4194304 bytes"),
    ],
)
def test_a_damaged_index_is_refused(text: str | bytes, reason: str) -> None:
    with pytest.raises(VerificationError, match=reason):
        streams.parse_index(text)


def test_too_many_items_are_refused() -> None:
    offered = [item(f"2.6.{patch}-bionic-amd64") for patch in range(4)]
    texts = streams.documents({"released": offered}, UPDATED)
    with pytest.raises(VerificationError, match="more than 3 entries"):
        streams.parse_products(texts[streams.products_path(TOOLS)], TOOLS, streams.Limits(items=3))


def test_unknown_series_and_streams_are_refused() -> None:
    with pytest.raises(UsageError, match='unknown series "warty"'):
        streams.documents({"released": [item("2.6.3-warty-amd64")]}, UPDATED)
    with pytest.raises(UsageError, match=r'invalid stream "\.\./x"'):
        streams.documents({"../x": [item("2.6.3-bionic-amd64")]}, UPDATED)
