"""``agent-stop``: an agent's service is stopped, and with hold=yes nobody can start it."""

from __future__ import annotations

from collections.abc import Mapping

from jujulab.faults import services
from jujulab.faults.each import Note, again_each, heal_each, inject_each
from jujulab.faults.hands import awake, find, is_active, systemctl
from jujulab.faults.model import Json, Kind, Scene
from jujulab.faults.targets import Scope, Target

_NAME = "held"


def _stop(scene: Scene, target: Target, _options: Mapping[str, str], _noted: Json) -> None:
    systemctl(scene, find(scene, target.container), "stop", target.service)


def _inject(scene: Scene, target: Target, options: Mapping[str, str], note: Note) -> str:
    container = find(scene, target.container)
    note({"active": is_active(scene, container, target.service)})
    held = options["hold"] == "yes"
    if held:
        path = services.drop_in(target.service, _NAME)
        services.put_drop_in(scene, container, target.service, _NAME, f"[Unit]\nConditionPathExists=!{path}\n")
    _stop(scene, target, options, {})
    return f"stopped {target.service}{', and nobody can start it' if held else ''}"


def _heal(scene: Scene, target: Target, _options: Mapping[str, str], noted: Json) -> None:
    services.remove_drop_in(scene, target.container, target.service, _NAME)
    with awake(scene, target.container) as container:
        if container is not None and noted["active"]:
            systemctl(scene, container, "start", target.service)


KIND = Kind(
    "agent-stop",
    "The agent is stopped, until somebody starts it: an upgrade, a boot. With hold=yes nobody can.",
    inject_each(_inject),
    heal_each(_heal),
    scopes=frozenset({Scope.AGENT, Scope.CONTROLLER}),
    options={"hold": "no"},
    allowed={"hold": ("no", "yes")},
    again=again_each(_stop),
)
