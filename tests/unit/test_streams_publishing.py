"""The age of what is published: an expiry that is renewed in time, and indices as an attacker would offer them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jujulab_agent.builder.cli import main
from jujulab_agent.builder.publisher import VALIDITY, Tree
from jujulab_core import openpgp
from jujulab_core.errors import VerificationError
from jujulab_core.simplestreams import Index, Item, parse_index, parse_products
from jujulab_core.version import Binary

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    # GnuPG's sockets do not fit below a long path.
    with tempfile.TemporaryDirectory(prefix="jl") as directory:
        made = Tree(Path(directory))
        made.init("lab")
        made.publish("released", {Binary.parse("2.6.4-bionic-amd64"): b"content"}, datetime.now(UTC))
        yield Path(directory)


def signed(root: Path) -> Index:
    key = Tree(root).init("lab")
    path = root / "juju/tools/streams/v1/index2.sjson"
    return parse_index(openpgp.verify(path.read_bytes(), key))


def test_an_index_expires_and_is_renewed_in_time(root: Path) -> None:
    now = datetime.now(UTC)
    for age, renewed in ((VALIDITY / 2 - DAY, False), (VALIDITY / 2 + DAY, True), (2 * VALIDITY, True)):
        Tree(root).restamp(now - age)
        # Asking for the key, as `up` does each time, is what renews.
        index = signed(root)
        assert index.updated is not None
        assert index.expires == index.updated + VALIDITY
        assert (now - index.updated < DAY) == renewed


def test_restamping_offers_the_same(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = Tree(root).published()
    assert main(["--root", str(root), "restamp", "--age", "86400"]) == 0
    updated = datetime.fromisoformat(json.loads(capsys.readouterr().out)["updated"])
    assert DAY < datetime.now(UTC) - updated < DAY + timedelta(minutes=1)
    assert Tree(root).published() == before
    assert isinstance(before["released"][0], Item)


def test_without_signatures(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tools = root / "juju/tools/streams/v1"
    assert main(["--root", str(root), "restamp", "--unsigned"]) == 0
    assert not list(tools.glob("*.sjson"))
    assert main(["--root", str(root), "restamp"]) == 0
    assert sorted(path.name for path in tools.glob("index*.sjson")) == ["index.sjson", "index2.sjson"]
    capsys.readouterr()


def test_signatures_are_checked_in_full(root: Path) -> None:
    key = Tree(root).init("lab")
    text = (root / "juju/tools/streams/v1/index2.sjson").read_bytes()
    # What stands around the signed text is not part of it.
    assert openpgp.verify(text + b'{"index": {}}', key) == openpgp.verify(text, key)
    for damaged in (text.replace(b"released", b"relaesed"), text[: len(text) // 2], b"{}" + text, b""):
        with pytest.raises(VerificationError, match=r"bad signature|no PGP signature"):
            openpgp.verify(damaged, key)
    with tempfile.TemporaryDirectory(prefix="jl") as other:
        with pytest.raises(VerificationError, match="bad signature"):
            openpgp.verify(text, Tree(Path(other)).init("somebody else"))
        assert openpgp.verify(text, Tree(Path(other)).init("somebody else") + key)


def test_products_of_another_day_than_their_index(root: Path) -> None:
    path = root / "juju/tools/streams/v1/com.ubuntu.juju-released-tools.json"
    now = datetime.now(UTC)
    Tree(root).restamp(now - DAY)
    text, content = path.read_text(), "com.ubuntu.juju:released:tools"
    assert parse_products(text, content, not_before=now - 2 * DAY)
    with pytest.raises(VerificationError, match="older than its index"):
        parse_products(text, content, not_before=now)
