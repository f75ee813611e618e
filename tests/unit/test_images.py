"""What an image is made from, and when it is made again."""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import re
import tarfile
from pathlib import Path
from zipfile import ZipFile

import pytest

from jujulab import images, wheels
from jujulab.images import Input, inputs_digest
from jujulab_core.errors import HostError, VerificationError

ROOT = images.repository()
LOCK = wheels.read_lock((ROOT / "constraints.txt").read_text())
FILES = [Input("Dockerfile", b"FROM x"), Input("files/run", b"#!/bin/sh", executable=True)]


def test_the_digest_does_not_depend_on_the_order() -> None:
    assert inputs_digest("p", FILES, ["a==1", "b==2"]) == inputs_digest("p", FILES[::-1], ["b==2", "a==1"])


@pytest.mark.parametrize(
    ("parent", "files", "pins"),
    [
        ("q", FILES, ["a==1"]),
        ("p", FILES[:1], ["a==1"]),
        ("p", [FILES[0], Input("files/run", b"#!/bin/sh")], ["a==1"]),
        ("p", [FILES[0], Input("files/run", b"#!/bin/bash", executable=True)], ["a==1"]),
        ("p", [FILES[0], Input("files/go", b"#!/bin/sh", executable=True)], ["a==1"]),
        ("p", FILES, ["a==2"]),
        ("p", FILES, []),
    ],
)
def test_the_digest_depends_on_everything_else(parent: str, files: list[Input], pins: list[str]) -> None:
    assert inputs_digest(parent, files, pins) != inputs_digest("p", FILES, ["a==1"])


def test_a_context_is_the_same_bytes_for_the_same_input() -> None:
    first, second = io.BytesIO(), io.BytesIO()
    images.write_context(first, FILES)
    images.write_context(second, FILES)
    assert first.getvalue() == second.getvalue()
    first.seek(0)
    with tarfile.open(fileobj=first) as archive:
        assert [(entry.name, entry.mode, entry.uid) for entry in archive] == [
            ("Dockerfile", 0o644, 0),
            ("files/run", 0o755, 0),
        ]


@pytest.mark.parametrize("name", images.IMAGES)
def test_every_image_stands_on_the_one_that_its_recipe_names(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JUJULAB_IMAGES", raising=False)
    text = (ROOT / "images" / name / "Dockerfile").read_text()
    parent = images.RECIPES[name].parent
    default = images.image_tag(parent) if parent else "debian:bookworm-slim"
    assert re.findall(r"^(?:ARG )?FROM.*", text, re.MULTILINE) == [f"ARG FROM={default}", "FROM ${FROM}"]
    if parent:
        assert images.IMAGES.index(parent) < images.IMAGES.index(name)


@pytest.mark.parametrize("name", images.IMAGES)
def test_no_build_reaches_a_package_index_for_python(name: str) -> None:
    assert not re.search(r"\bpip3? (install|download)", (ROOT / "images" / name / "Dockerfile").read_text())


def test_the_lock_pins_everything_with_hashes_and_names_no_host() -> None:
    text = (ROOT / "constraints.txt").read_text()
    assert "://" not in text
    assert not re.search(r"^\s*-", text.replace("    --hash", ""), re.MULTILINE)
    assert all(pin.hashes for pin in LOCK.values())
    assert len(LOCK) > 40


@pytest.mark.parametrize("path", sorted((ROOT / "images").glob("*/wheels.txt")), ids=lambda path: path.parent.name)
def test_an_images_wheels_are_complete(path: Path) -> None:
    names = wheels.read_names(path.read_text())
    assert len(wheels.select(LOCK, names)) == len(names)
    for name in names:
        for requirement in importlib.metadata.requires(name) or []:
            if ";" not in requirement:
                assert wheels.canonical(re.split(r"[^\w.-]", requirement)[0]) in names, f"{name} needs {requirement}"


def test_reading_a_lock() -> None:
    lock = wheels.read_lock(
        f"# by hand\nZope.Thing==1.0 \\\n    --hash=sha256:{'a' * 64} \\\n    --hash=sha256:{'b' * 64}\n"
    )
    assert lock == {"zope-thing": wheels.Pin("zope-thing", "1.0", frozenset({"a" * 64, "b" * 64}))}
    with pytest.raises(HostError, match="no entry for absent"):
        wheels.select(lock, ["absent"])


def test_wheels_are_taken_by_hash_and_unpacked_without_scripts(tmp_path: Path) -> None:
    path = tmp_path / "thing-1.0-py3-none-any.whl"
    with ZipFile(path, "w") as archive:
        archive.writestr("thing/__init__.py", "x = 1\n")
        archive.writestr("thing-1.0.data/scripts/thing", "#!python\n")
    pin = wheels.Pin("thing", "1.0", frozenset({hashlib.sha256(path.read_bytes()).hexdigest()}))
    assert wheels.collect([pin], tmp_path, "x86_64") == [path]
    assert list(wheels.unpack([path])) == [("thing/__init__.py", b"x = 1\n")]


def test_a_wheel_with_another_hash_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "thing-1.0-py3-none-any.whl"
    path.write_bytes(b"changed")
    monkeypatch.setattr(wheels, "_download", lambda *_: None)
    with pytest.raises(VerificationError, match=r"names no wheel of thing 1\.0"):
        wheels.collect([wheels.Pin("thing", "1.0", frozenset({"0" * 64}))], tmp_path, "x86_64")
