"""``orchestrator-kill``: the orchestrator is killed in the midst of what it does."""

from __future__ import annotations

from collections.abc import Mapping

from jujulab.faults.each import Note, heal_each, inject_each
from jujulab.faults.hands import PROCESSES, beside, nothing
from jujulab.faults.model import Kind, Scene
from jujulab.faults.targets import Scope, Target


def _inject(scene: Scene, target: Target, _options: Mapping[str, str], _note: Note) -> str:
    # All but the container's init, which ends with its child. A kill by way of Docker would count as the operator's
    # own stop, after which Docker does not start the container again.
    beside(scene, target.container, PROCESSES, "kill -KILL -1", "kill the orchestrator", may_be_killed=True)
    return "killed its process; Docker starts it again"


KIND = Kind(
    "orchestrator-kill",
    "The orchestrator's process is killed (SIGKILL), once; Docker starts it again. To have it off, use machine-stop.",
    inject_each(_inject),
    heal_each(nothing),
    scopes=frozenset({Scope.ORCHESTRATOR}),
    at_once=True,
)
