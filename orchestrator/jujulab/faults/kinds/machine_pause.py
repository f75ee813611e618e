"""``machine-pause``: everything on a machine stands still, as when its hypervisor is busy elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

from jujulab.faults.each import Note, again_each, heal_each, inject_each
from jujulab.faults.hands import find, pause
from jujulab.faults.model import Json, Kind, Scene
from jujulab.faults.targets import Scope, Target
from jujulab.lab.engine import docker_errors


def _pause(scene: Scene, target: Target, _options: Mapping[str, str], _noted: Json) -> None:
    pause(find(scene, target.container))


def _inject(scene: Scene, target: Target, options: Mapping[str, str], note: Note) -> str:
    note({})
    _pause(scene, target, options, {})
    return "all its processes stand still"


def _heal(scene: Scene, target: Target, _options: Mapping[str, str], _noted: Json) -> None:
    container = find(scene, target.container)
    if container.status == "paused":
        with docker_errors(f"unpause {target.container}"):
            container.unpause()


KIND = Kind(
    "machine-pause",
    "Every process of the machine stands still; its connections stay open.",
    inject_each(_inject),
    heal_each(_heal),
    scopes=frozenset({Scope.MACHINE, Scope.CONTROLLER, Scope.ORCHESTRATOR}),
    again=again_each(_pause),
    stops=True,
)
