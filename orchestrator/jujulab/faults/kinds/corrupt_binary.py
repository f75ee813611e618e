"""``corrupt-binary``: a tarball on the internet is not what the metadata says."""

from __future__ import annotations

from jujulab.faults.model import Keep, Kind, Record, Scene
from jujulab.faults.published import change, restore


def _flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


_HOW = {
    "hash": _flip,
    "shorter": lambda content: content[: len(content) // 2],
    "longer": lambda content: content + b"\0",
}
_SAYS = {"hash": "one byte is another", "shorter": "its second half is gone", "longer": "a byte too many"}


def _inject(scene: Scene, record: Record, keep: Keep) -> tuple[str, ...]:
    how = record.options["how"]
    paths = change(scene, record, keep, _HOW[how])
    return tuple(f"{path}: {_SAYS[how]}" for path in paths)


KIND = Kind(
    "corrupt-binary",
    "A tarball on the internet has the wrong hash, or (how=shorter, how=longer) the wrong size.",
    _inject,
    restore,
    targets="a version such as 2.6.10, or a binary such as 2.6.10-bionic-amd64",
    options={"how": "hash"},
    allowed={"how": tuple(_HOW)},
)
