"""``controller-kill``: the controller's API server is killed in the midst of what it does."""

from __future__ import annotations

from collections.abc import Mapping

from jujulab.faults.each import Note, heal_each, inject_each
from jujulab.faults.hands import kill_service, nothing
from jujulab.faults.model import Kind, Scene
from jujulab.faults.targets import Scope, Target


def _inject(scene: Scene, target: Target, _options: Mapping[str, str], _note: Note) -> str:
    return kill_service(scene, target.container, "jujud-controller.service")


KIND = Kind(
    "controller-kill",
    "The controller's API server is killed (SIGKILL), once; systemd starts it again. To have it off, use machine-stop.",
    inject_each(_inject),
    heal_each(nothing),
    scopes=frozenset({Scope.CONTROLLER}),
    at_once=True,
)
