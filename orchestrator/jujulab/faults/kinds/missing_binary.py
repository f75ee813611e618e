"""``missing-binary``: the metadata lists a tarball that is not there."""

from __future__ import annotations

from jujulab.faults.model import Keep, Kind, Record, Scene
from jujulab.faults.published import change, restore


def _inject(scene: Scene, record: Record, keep: Keep) -> tuple[str, ...]:
    return tuple(f"{path}: removed, still listed" for path in change(scene, record, keep, lambda _: None))


KIND = Kind(
    "missing-binary",
    "A tarball that the internet lists is not there.",
    _inject,
    restore,
    targets="a version such as 2.6.10, or a binary such as 2.6.10-bionic-amd64",
)
