"""``corrupt-binary``: a tarball is not what the metadata says."""

from __future__ import annotations

from jujulab.faults.model import Keep, Kind, Record, Scene
from jujulab.faults.published import CACHE, INTERNET, change, restore


def _flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


_HOW = {
    "hash": _flip,
    "shorter": lambda content: content[: len(content) // 2],
    "longer": lambda content: content + b"\0",
}
_WHERE = {"internet": INTERNET, "cache": CACHE}
_SAYS = {"hash": "one byte is another", "shorter": "its second half is gone", "longer": "a byte too many"}


def _inject(scene: Scene, record: Record, keep: Keep) -> tuple[str, ...]:
    how = record.options["how"]
    paths = change(scene, record, keep, _HOW[how], _WHERE[record.options["where"]])
    return tuple(f"{path}: {_SAYS[how]}" for path in paths)


def _heal(scene: Scene, record: Record) -> None:
    restore(scene, record, _WHERE[record.options["where"]])


KIND = Kind(
    "corrupt-binary",
    "A tarball on the internet or in the controller's cache has the wrong hash, or (how=shorter or longer) size.",
    _inject,
    _heal,
    targets="a version such as 2.6.10, or a binary such as 2.6.10-bionic-amd64",
    options={"how": "hash", "where": "internet"},
    allowed={"how": tuple(_HOW), "where": tuple(_WHERE)},
)
