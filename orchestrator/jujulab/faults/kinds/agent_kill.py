"""``agent-kill``: an agent's process is killed, as by the kernel when memory is short."""

from __future__ import annotations

from collections.abc import Mapping

from jujulab.faults.each import Note, heal_each, inject_each
from jujulab.faults.hands import kill_service, nothing
from jujulab.faults.model import Kind, Scene
from jujulab.faults.targets import Scope, Target


def _inject(scene: Scene, target: Target, _options: Mapping[str, str], _note: Note) -> str:
    return kill_service(scene, target.container, target.service)


KIND = Kind(
    "agent-kill",
    "The agent's process is killed (SIGKILL), once; systemd starts it again.",
    inject_each(_inject),
    heal_each(nothing),
    scopes=frozenset({Scope.AGENT, Scope.CONTROLLER}),
    at_once=True,
)
