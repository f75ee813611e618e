"""``stale-index``: the internet offers indices of another day, as somebody does who replays old ones."""

from __future__ import annotations

from collections.abc import Mapping

from jujulab.cli.durations import seconds
from jujulab.faults.indices import renew, restamp
from jujulab.faults.model import Keep, Kind, Record, Scene


def _inject(scene: Scene, record: Record, keep: Keep) -> tuple[str, ...]:
    age = seconds(record.options["age"])
    keep({})
    restamp(scene, "--age", str(age))
    return (f"the indices are {record.options['age']} old",)


def _check(options: Mapping[str, str]) -> None:
    seconds(options["age"])


KIND = Kind(
    "stale-index",
    "The indices are signed, but old; with age=60d they have expired. `publish` renews them.",
    _inject,
    renew,
    options={"age": "1d"},
    check_options=_check,
)
