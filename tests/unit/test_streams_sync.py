"""Copying agent binaries from directory to directory: what is written, and what is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jujulab.syncing import sources, targets
from jujulab.syncing.run import Wanted, sync
from jujulab_core.errors import JujulabError
from jujulab_core.simplestreams import Item, documents, item_path
from jujulab_core.version import Binary

OLD, NEW, OTHER = "2.6.9-bionic-amd64", "2.6.10-bionic-amd64", "2.9.1-ubuntu-amd64"
ALL_26 = Wanted(2, 6, None, everything=True, stream="released")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root, items = tmp_path / "source" / "tools", []
    for version in (OLD, NEW, OTHER):
        binary, content = Binary.parse(version), version.encode() * 100
        path = item_path("released", binary)
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
        items.append(Item(binary, path, len(content), hashlib.sha256(content).hexdigest()))
    (root / "streams/v1").mkdir(parents=True)
    for path, text in documents({"released": items}, datetime.now(UTC)).items():
        (root / path).write_text(text)
    return tmp_path / "source"


def run(source: Path, to: Path, wanted: Wanted = ALL_26, *, public: bool = False, dry_run: bool = False) -> list[str]:
    said: list[str] = []
    target = targets.Directory(to, wanted.stream, public=public)
    sync(sources.Directory(source), "", target, wanted, said.append, dry_run=dry_run)
    return said


def files(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def test_the_words_and_the_layout(source: Path, tmp_path: Path) -> None:
    to = tmp_path / "to"
    url = (source / "tools").resolve().as_uri()
    assert run(source, to, Wanted(2, 6, None, everything=False, stream="released")) == [
        f"source for sync of agent binaries: {url}",
        "listing available agent binaries",
        "found 2 agent binaries",
        "found 1 recent agent binaries (version 2.6.10)",
        "listing target agent binaries storage",
        "found 0 agent binaries in target; 1 agent binaries to be copied",
        f"copying {NEW} from {url}/released/juju-{NEW}.tgz",
        f'downloading "released" tools/released/juju-{NEW}.tgz ({url}/released/juju-{NEW}.tgz)',
        f"uploading {NEW} (1kB) to {to}",
        "copied 1 agent binaries",
    ]
    assert "found 1 agent binaries in target; 1 agent binaries to be copied" in run(source, to)
    assert "copied 1 agent binaries" in run(source, to, Wanted(2, 9, None, everything=True, stream="released"))
    assert files(to / "tools") == [
        "agent/2.9.1/juju-2.9.1-linux-amd64.tgz",
        f"released/juju-{NEW}.tgz",
        f"released/juju-{OLD}.tgz",
        "streams/v1/com.ubuntu.juju-released-agents.json",
        "streams/v1/com.ubuntu.juju-released-tools.json",
        "streams/v1/index.json",
        "streams/v1/index2.json",
    ]
    # What was written is a source itself.
    assert "; 0 agent binaries to be copied" in run(to, to)[4]


def test_a_dry_run_changes_nothing(source: Path, tmp_path: Path) -> None:
    assert "2 agent binaries to be copied" in " ".join(run(source, tmp_path / "to", dry_run=True))
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize(("public", "file_mode", "directory_mode"), [(True, 0o644, 0o755), (False, 0o600, 0o700)])
def test_who_may_read(source: Path, tmp_path: Path, public: bool, file_mode: int, directory_mode: int) -> None:
    to = tmp_path / "to"
    run(source, to, public=public)
    for path in to.rglob("*"):
        assert path.stat().st_mode & 0o777 == (directory_mode if path.is_dir() else file_mode)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.write_bytes(b"x" * path.stat().st_size), "SHA-256 hash mismatch ("),
        (lambda path: path.write_bytes(b"x"), "size mismatch"),
        (lambda path: path.write_bytes(b"x" * 100_000), "size mismatch"),
        (lambda path: path.unlink(), "is listed, but it is not there"),
    ],
    ids=["hash", "short", "long", "gone"],
)
def test_a_binary_that_is_not_what_was_promised(
    source: Path, tmp_path: Path, damage: Callable[[Path], object], reason: str
) -> None:
    damage(source / "tools" / f"released/juju-{NEW}.tgz")
    with pytest.raises(JujulabError) as caught:
        run(source, tmp_path / "to", Wanted(2, 6, None, everything=False, stream="released"))
    assert reason in str(caught.value)
    assert not (tmp_path / "to").exists()


def test_there_is_nothing(source: Path, tmp_path: Path) -> None:
    with pytest.raises(JujulabError, match="no matching agent binaries available"):
        run(source, tmp_path / "to", Wanted(3, 0, None, everything=True, stream="released"))
    with pytest.raises(JujulabError, match="is not a directory"):
        run(tmp_path / "nothing", tmp_path / "to")
    (tmp_path / "empty" / "tools").mkdir(parents=True)
    with pytest.raises(JujulabError, match="no agent binaries available"):
        run(tmp_path / "empty", tmp_path / "to")
