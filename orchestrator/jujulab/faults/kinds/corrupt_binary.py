"""``corrupt-binary``: a tarball on the internet is not what the metadata says."""

from __future__ import annotations

from jujulab.faults.model import Keep, Kind, Record, Scene
from jujulab.faults.published import change, restore
from jujulab_core.errors import UsageError


def _flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


_HOW = {
    "hash": _flip,
    "shorter": lambda content: content[: len(content) // 2],
    "longer": lambda content: content + b"\0",
}


def _inject(scene: Scene, record: Record, keep: Keep) -> None:
    how = record.options["how"]
    if how not in _HOW:
        raise UsageError(f'corrupt-binary cannot do "{how}"', next_step=f"choose one of {', '.join(_HOW)}")
    change(scene, record, keep, _HOW[how])


KIND = Kind(
    "corrupt-binary",
    "A tarball on the internet has the wrong hash, or (how=shorter, how=longer) the wrong size.",
    _inject,
    restore,
    targets="a version such as 2.6.10, or a binary such as 2.6.10-bionic-amd64",
    options={"how": "hash"},
)
