"""``machine-stop``: a machine is off."""

from __future__ import annotations

from collections.abc import Mapping

from jujulab.faults.each import Note, heal_each, inject_each
from jujulab.faults.hands import find
from jujulab.faults.model import Json, Kind, Scene
from jujulab.faults.targets import Scope, Target
from jujulab.lab.engine import docker_errors

_SHUTDOWN_SECONDS = 20


def _inject(scene: Scene, target: Target, options: Mapping[str, str], note: Note) -> str:
    container = find(scene, target.container)
    note({})
    with docker_errors(f"stop {target.container}"):
        if options["how"] == "power-cut":
            container.kill("KILL")
            return "its power was cut"
        container.stop(timeout=_SHUTDOWN_SECONDS)
        return "was shut down"


def _heal(scene: Scene, target: Target, _options: Mapping[str, str], _noted: Json) -> None:
    with docker_errors(f"start {target.container}"):
        # Starting one that runs does nothing.
        find(scene, target.container).start()


KIND = Kind(
    "machine-stop",
    "The machine is off: shut down, or with how=power-cut without any warning.",
    inject_each(_inject),
    heal_each(_heal),
    scopes=frozenset({Scope.MACHINE, Scope.CONTROLLER, Scope.ORCHESTRATOR}),
    options={"how": "shutdown"},
    allowed={"how": ("shutdown", "power-cut")},
    stops=True,
)
