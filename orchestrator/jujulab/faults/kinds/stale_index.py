"""``stale-index``: the internet offers indices of another day, as somebody does who replays old ones."""

from __future__ import annotations

from jujulab.cli.durations import seconds
from jujulab.faults.indices import renew, restamp
from jujulab.faults.model import Keep, Kind, Record, Scene


def _inject(scene: Scene, record: Record, keep: Keep) -> None:
    age = seconds(record.options["age"])
    keep({})
    restamp(scene, "--age", str(age))


KIND = Kind(
    "stale-index",
    "The indices are signed, but old; with age=60d they have expired. `publish` renews them.",
    _inject,
    renew,
    options={"age": "1d"},
)
