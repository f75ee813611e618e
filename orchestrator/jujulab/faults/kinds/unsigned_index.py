"""``unsigned-index``: the internet offers its indices without signatures only."""

from __future__ import annotations

from jujulab.faults.indices import renew, restamp
from jujulab.faults.model import Keep, Kind, Record, Scene


def _inject(scene: Scene, _record: Record, keep: Keep) -> tuple[str, ...]:
    keep({})
    restamp(scene, "--unsigned")
    return ("the indices are there without signatures only",)


KIND = Kind("unsigned-index", "The indices are not signed. `publish` renews them.", _inject, renew)
