"""``agent-hang``: an agent's process stands still (SIGSTOP); its connections stay open."""

from __future__ import annotations

from collections.abc import Mapping

from jujulab.faults.each import Note, again_each, heal_each, inject_each
from jujulab.faults.hands import awake, find, is_active, systemctl
from jujulab.faults.model import Json, Kind, Scene
from jujulab.faults.targets import Scope, Target
from jujulab_core.errors import JujulabError


def _hang(scene: Scene, target: Target, _options: Mapping[str, str], _noted: Json) -> None:
    container = find(scene, target.container)
    if is_active(scene, container, target.service):
        systemctl(scene, container, "kill", "--signal=STOP", target.service)


def _inject(scene: Scene, target: Target, options: Mapping[str, str], note: Note) -> str:
    if not is_active(scene, find(scene, target.container), target.service):
        raise JujulabError(f"{target.service} does not run", next_step="see `jujulab faults`")
    note({})
    _hang(scene, target, options, {})
    return f"stopped the process of {target.service} (SIGSTOP)"


def _heal(scene: Scene, target: Target, _options: Mapping[str, str], _noted: Json) -> None:
    with awake(scene, target.container) as container:
        if container is not None and is_active(scene, container, target.service):
            systemctl(scene, container, "kill", "--signal=CONT", target.service)


KIND = Kind(
    "agent-hang",
    "The agent's process stands still (SIGSTOP), until somebody restarts it: an upgrade, a boot.",
    inject_each(_inject),
    heal_each(_heal),
    scopes=frozenset({Scope.AGENT, Scope.CONTROLLER}),
    again=again_each(_hang),
)
