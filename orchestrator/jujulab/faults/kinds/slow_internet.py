"""``slow-internet``: what the internet sends is held to a rate, by the kernel's token bucket."""

from __future__ import annotations

from collections.abc import Mapping

from jujulab.faults import traffic
from jujulab.faults.model import Keep, Kind, Record, Scene
from jujulab.lab import names

# Nothing else shapes the streams container, so one name will do.
_MARK = "jujulab-slow-"


def _check(options: Mapping[str, str]) -> None:
    traffic.bits_per_second(options["rate"])


def _slow_down(scene: Scene, record: Record) -> None:
    traffic.slow_down(scene, scene.name(names.STREAMS), _MARK, traffic.Limits(rate=record.options["rate"]))


def _inject(scene: Scene, record: Record, keep: Keep) -> tuple[str, ...]:
    keep({})
    _slow_down(scene, record)
    return (f"the internet sends {record.options['rate']} a second",)


def _heal(scene: Scene, _record: Record) -> None:
    traffic.restore(scene, scene.name(names.STREAMS), _MARK, queue=True)


KIND = Kind(
    "slow-internet",
    "The internet sends no faster than a rate.",
    _inject,
    _heal,
    options={"rate": "512kbit"},
    check_options=_check,
    again=_slow_down,
)
