"""Simplestreams: the documents that say which agent binaries the internet offers.

Two eras share one tree (the Juju upgrade specification, section I.2): up to Juju 2.8 a binary is made for
a series and listed under ``com.ubuntu.juju:STREAM:tools``; from 2.9 on it is made for ``ubuntu`` and listed
under ``com.ubuntu.juju:STREAM:agents``. :func:`documents` prints the tree; :func:`parse_index` and
:func:`parse_products` read what somebody else printed and trust none of it.

Whether a signature was checked is the caller's business: only the text inside it comes here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any, NoReturn

from jujulab_core.errors import UsageError, VerificationError
from jujulab_core.version import Binary, Number

INDEX_PATH = "streams/v1/index2.json"
# For clients older than Juju 2, which know no stream but `released`.
OLD_INDEX_PATH = "streams/v1/index.json"
# The order in which a client tries them, unsigned ones only where the source may be unsigned (section I.5).
INDEX_PATHS = ("streams/v1/index2.sjson", INDEX_PATH, "streams/v1/index.sjson", OLD_INDEX_PATH)

# Juju's words.
NOT_SIGNED = "no PGP signature embedded in plain text data"

SERIES_NUMBERS = {
    "precise": "12.04",
    "trusty": "14.04",
    "xenial": "16.04",
    "bionic": "18.04",
    "focal": "20.04",
    "jammy": "22.04",
    "noble": "24.04",
    "ubuntu": "ubuntu",
}

_INDEX_FORMAT = "index:1.0"
_PRODUCTS_FORMAT = "products:1.0"
_DATATYPE = "content-download"
_STREAM_RE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_CONTENT_ID_RE = re.compile(rf"com\.ubuntu\.juju:({_STREAM_RE.pattern}):(tools|agents)")
_PATH_RE = re.compile(r"[A-Za-z0-9_+~.:-]+(?:/[A-Za-z0-9_+~.:-]+)*")
_SHA256_RE = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Item:
    """One agent tarball on offer.

    Attributes:
        binary: What it is made for.
        path: Where it is, relative to the base of the streams.
        size: Length in bytes.
        sha256: 64 lower-case hexadecimal digits.
    """

    binary: Binary
    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class IndexEntry:
    """One products file that an index names.

    Attributes:
        content_id: Such as ``com.ubuntu.juju:released:tools``; the products file must repeat it.
        stream: Such as ``released``.
        path: Where it is, relative to the base of the streams.
        updated: How old the products file may be at most; None where the index does not say.
    """

    content_id: str
    stream: str
    path: str
    updated: datetime | None = None


@dataclass(frozen=True)
class Index:
    """What an index says.

    Attributes:
        entries: The products files about agent binaries.
        updated: When it was made; None where it does not say.
        expires: When it must not be believed any more, ours; None where it does not say.
    """

    entries: tuple[IndexEntry, ...]
    updated: datetime | None = None
    expires: datetime | None = None


@dataclass(frozen=True)
class Limits:
    """What a document may cost before it is refused.

    Attributes:
        index_bytes: Length of an index, in bytes.
        products_bytes: Length of a products file, in bytes.
        entries: Number of entries of an index.
        items: Number of binaries in a products file.
        path_chars: Length of a path, in characters.
        binary_bytes: Length of a tarball, in bytes.
    """

    index_bytes: int = 4 * 1024 * 1024
    products_bytes: int = 64 * 1024 * 1024
    entries: int = 1_000
    items: int = 100_000
    path_chars: int = 1_024
    binary_bytes: int = 1024 * 1024 * 1024


DEFAULT_LIMITS = Limits()


def content_id(stream: str, number: Number) -> str:
    """The content id under which a stream lists a version: ``:tools`` up to 2.8, ``:agents`` from 2.9."""
    return f"com.ubuntu.juju:{stream}:{_kind(number)}"


def products_path(content: str) -> str:
    """The path of a content id's products file: ``streams/v1/com.ubuntu.juju-released-tools.json``."""
    return f"streams/v1/{content.replace(':', '-')}.json"


def item_path(stream: str, binary: Binary) -> str:
    """The path of a tarball, relative to the base of the streams."""
    if _kind(binary.number) == "tools":
        return f"{stream}/juju-{binary}.tgz"
    return f"agent/{binary.number}/juju-{binary.number}-linux-{binary.arch}.tgz"


def check_stream(stream: str) -> str:
    """Returns the stream's name if it is one.

    Raises:
        UsageError: ``invalid stream "X"``.
    """
    if not _STREAM_RE.fullmatch(stream):
        raise UsageError(f'invalid stream "{stream}"')
    return stream


def series_number(series: str) -> str:
    """The number in a product's name: ``18.04`` for ``bionic``.

    Raises:
        UsageError: The series is not known.
    """
    try:
        return SERIES_NUMBERS[series]
    except KeyError:
        raise UsageError(f'unknown series "{series}"', next_step=f"use one of {', '.join(SERIES_NUMBERS)}") from None


def product_name(binary: Binary) -> str:
    """The product that a binary belongs to: ``com.ubuntu.juju:18.04:amd64``."""
    return f"com.ubuntu.juju:{series_number(binary.series)}:{binary.arch}"


def documents(
    streams: Mapping[str, Sequence[Item]], updated: datetime, expires: datetime | None = None
) -> dict[str, str]:
    """Prints the indices and products files that offer these binaries.

    Args:
        streams: What each stream offers.
        updated: The time that the documents carry; with a time zone.
        expires: When the indices must not be believed any more; Juju's own do not say.

    Returns:
        JSON texts by path relative to the base of the streams: ``index2.json``, ``index.json`` (``released``
        only) and one products file for each stream and era. The same input gives the same text.
    """
    stamp = format_datetime(updated)
    texts: dict[str, str] = {}
    index: dict[str, Any] = {}
    for stream, items in sorted(streams.items()):
        by_content: dict[str, list[Item]] = {}
        for item in items:
            by_content.setdefault(content_id(check_stream(stream), item.binary.number), []).append(item)
        for content, its_items in sorted(by_content.items()):
            products = _products(its_items, f"{updated:%Y%m%d}")
            texts[products_path(content)] = _print(
                {"products": products, "updated": stamp, "format": _PRODUCTS_FORMAT, "content_id": content}
            )
            index[content] = {
                "updated": stamp,
                "format": _PRODUCTS_FORMAT,
                "datatype": _DATATYPE,
                "path": products_path(content),
                "products": list(products),
            }
    released = {content: entry for content, entry in index.items() if content.split(":")[1] == "released"}
    for path, entries in ((INDEX_PATH, index), (OLD_INDEX_PATH, released)):
        until = {"expires": format_datetime(expires)} if expires else {}
        texts[path] = _print({"index": entries, "updated": stamp, **until, "format": _INDEX_FORMAT})
    return texts


def parse_index(data: bytes | str, limits: Limits = DEFAULT_LIMITS) -> Index:
    """Reads an index; entries that are not about agent binaries are left out.

    Raises:
        VerificationError: The text is not an index; the message says where and why.
    """
    document = _Node.read(data, "index", limits.index_bytes)
    document.expect("format", _INDEX_FORMAT)
    entries: list[IndexEntry] = []
    for content, entry in document.children("index", limits.entries):
        match = _CONTENT_ID_RE.fullmatch(content)
        if not match:
            continue
        entry.expect("format", _PRODUCTS_FORMAT)
        entry.expect("datatype", _DATATYPE)
        entries.append(IndexEntry(content, match[1], entry.path("path", limits), entry.time("updated")))
    return Index(tuple(entries), document.time("updated"), document.time("expires"))


def parse_products(
    data: bytes | str, content: str, limits: Limits = DEFAULT_LIMITS, not_before: datetime | None = None
) -> list[Item]:
    """Reads a products file.

    Args:
        data: The JSON text.
        content: The content id under which the index names this file.
        limits: What the file may cost.
        not_before: The age that the index promised: an older file is of another time than the index.

    Returns:
        Every binary once, in the order of its first appearance.

    Raises:
        VerificationError: The text is not what the index promised; the message says where and why.
    """
    document = _Node.read(data, "products", limits.products_bytes)
    document.expect("format", _PRODUCTS_FORMAT)
    document.expect("content_id", content)
    updated = document.time("updated")
    if not_before is not None and (updated is None or updated < not_before):
        document.fail(f"older than its index: updated is {updated}, the index promises {not_before}")
    found: dict[Binary, Item] = {}
    count = 0
    for _, product in document.children("products", limits.items):
        for _, group in product.children("versions", limits.items):
            for _, node in group.children("items", limits.items):
                count += 1
                if count > limits.items:
                    node.fail(f"more than {limits.items} items")
                item = _item(node, (product, group, node), limits)
                if found.setdefault(item.binary, item) != item:
                    node.fail(f"{item.binary} is listed twice with different contents")
    return list(found.values())


def _item(node: _Node, levels: tuple[_Node, ...], limits: Limits) -> Item:
    node.expect("ftype", "tar.gz")
    # Simplestreams lets an item inherit what its group or its product says.
    merged = _Node({key: value for level in levels for key, value in level.value.items()}, node.where)
    text = "-".join(merged.text(key) for key in ("version", "release", "arch"))
    try:
        binary = Binary.parse(text)
    except UsageError as error:
        node.fail(str(error))
    size = node.value.get("size")
    if type(size) is not int or not 0 < size <= limits.binary_bytes:
        node.fail(f"size is {size!r}, expected a number of bytes from 1 to {limits.binary_bytes}")
    sha256 = node.text("sha256")
    if not _SHA256_RE.fullmatch(sha256):
        node.fail("sha256 is not 64 lower-case hexadecimal digits")
    return Item(binary, node.path("path", limits), size, sha256)


class _Node:
    """A JSON object and where it stands, for messages that name the place."""

    __slots__ = ("value", "where")

    def __init__(self, value: dict[str, Any], where: str) -> None:
        self.value = value
        self.where = where

    @classmethod
    def read(cls, data: bytes | str, what: str, limit: int) -> _Node:
        document = cls({}, what)
        if len(data) > limit:
            document.fail(f"longer than {limit} bytes")
        try:
            value = json.loads(data, object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            document.fail(f"not valid JSON: {error}")
        if not isinstance(value, dict):
            document.fail("not a JSON object")
        return cls(value, what)

    def fail(self, why: str) -> NoReturn:
        raise VerificationError(f"simplestreams {self.where}: {why}")

    def text(self, key: str) -> str:
        value = self.value.get(key)
        if not isinstance(value, str):
            self.fail(f"{key} is {'missing' if value is None else 'not a text'}")
        return value

    def time(self, key: str) -> datetime | None:
        if key not in self.value:
            return None
        try:
            moment = parsedate_to_datetime(self.text(key))
        except ValueError:
            self.fail(f"{key} is not a time as of RFC 2822")
        # Without a zone it is UTC: Python then gives no zone at all.
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

    def expect(self, key: str, expected: str) -> None:
        found = self.text(key)
        if found != expected:
            self.fail(f'{key} is "{found[:100]}", expected "{expected}"')

    def path(self, key: str, limits: Limits) -> str:
        path = self.text(key)
        if len(path) > limits.path_chars:
            self.fail(f"{key} is longer than {limits.path_chars} characters")
        if not _PATH_RE.fullmatch(path) or any(part in (".", "..") for part in path.split("/")):
            self.fail(f'{key} "{path}" is not a plain relative path')
        return path

    def children(self, key: str, limit: int) -> Iterable[tuple[str, _Node]]:
        value = self.value.get(key)
        if not isinstance(value, dict):
            self.fail(f"{key} is {'missing' if value is None else 'not an object'}")
        if len(value) > limit:
            self.fail(f"{key} has more than {limit} entries")
        for name, child in value.items():
            where = f"{self.where} > {name[:100]}"
            if not isinstance(child, dict):
                raise VerificationError(f"simplestreams {where}: not an object")
            yield name, _Node(child, where)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("an object has the same key twice")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _kind(number: Number) -> str:
    return "tools" if (number.major, number.minor) < (2, 9) else "agents"


def _products(items: Iterable[Item], day: str) -> dict[str, Any]:
    products: dict[str, Any] = {}
    for item in sorted(items, key=_order):
        binary = item.binary
        product = products.setdefault(
            product_name(binary),
            {"version": "", "arch": binary.arch, "versions": {day: {"items": {}}}},
        )
        # Ascending order: the last one seen is the newest.
        product["version"] = str(binary.number)
        product["versions"][day]["items"][str(binary)] = {
            "release": binary.series,
            "version": str(binary.number),
            "arch": binary.arch,
            "size": item.size,
            "path": item.path,
            "ftype": "tar.gz",
            "sha256": item.sha256,
        }
    return dict(sorted(products.items()))


def _order(item: Item) -> tuple[Number, str, str]:
    return item.binary.number, item.binary.series, item.binary.arch


def _print(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1) + "\n"
