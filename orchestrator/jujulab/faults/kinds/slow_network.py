"""``slow-network``: a slow, late or lossy network."""

from __future__ import annotations

import re
from collections.abc import Mapping

from jujulab.cli.durations import seconds
from jujulab.faults import traffic
from jujulab.faults.each import Note, again_each, heal_each, inject_each
from jujulab.faults.model import Json, Kind, Scene
from jujulab.faults.targets import Scope, Target
from jujulab_core.errors import UsageError

_MARK = "jujulab-slow-"


def _limits(options: Mapping[str, str]) -> traffic.Limits:
    loss = re.fullmatch(r"(\d+(?:\.\d+)?)%", options["loss"] or "0%")
    if loss is None or float(loss[1]) >= 100:
        raise UsageError(f'"{options["loss"]}" is not a share of packets', next_step="write it as 10%")
    latency = seconds(options["latency"]) if options["latency"] else 0.0
    if options["rate"]:
        traffic.bits_per_second(options["rate"])
    if not (options["rate"] or latency or float(loss[1])):
        raise UsageError("slow-network needs at least one of rate, latency and loss")
    return traffic.Limits(options["rate"], latency * 1000, float(loss[1]))


def _check(options: Mapping[str, str]) -> None:
    _limits(options)


def _slow_down(scene: Scene, target: Target, options: Mapping[str, str], _noted: Json) -> None:
    traffic.slow_down(scene, target.container, _MARK, _limits(options))


def _inject(scene: Scene, target: Target, options: Mapping[str, str], note: Note) -> str:
    note({})
    _slow_down(scene, target, options, {})
    return "network with " + ", ".join(f"{key} {value}" for key, value in options.items() if value)


def _heal(scene: Scene, target: Target, _options: Mapping[str, str], _noted: Json) -> None:
    traffic.restore(scene, target.container, _MARK, queue=True)


KIND = Kind(
    "slow-network",
    "A slow network, both ways (rate=256kbit), a late one (latency=200ms, where the kernel has netem), or one that "
    "loses packets (loss=10%).",
    inject_each(_inject),
    heal_each(_heal),
    scopes=frozenset({Scope.MACHINE, Scope.CONTROLLER, Scope.ORCHESTRATOR}),
    options={"rate": "", "latency": "", "loss": ""},
    check_options=_check,
    again=again_each(_slow_down),
)
