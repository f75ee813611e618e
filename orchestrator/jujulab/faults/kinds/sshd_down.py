"""``sshd-down``: nobody gets into a machine over SSH, and whoever was in is out."""

from __future__ import annotations

from collections.abc import Mapping

from jujulab.faults.each import Note, again_each, heal_each, inject_each
from jujulab.faults.hands import awake, find, is_active, shell, systemctl
from jujulab.faults.model import Json, Kind, Scene
from jujulab.faults.targets import Scope, Target

_SERVICE = "ssh.service"


def _stop(scene: Scene, target: Target, _options: Mapping[str, str], _noted: Json) -> None:
    # A plain stop leaves the sessions that are open.
    container = find(scene, target.container)
    if is_active(scene, container, _SERVICE):
        shell(scene, container, ["systemctl", "kill", "--signal=KILL", _SERVICE])
    systemctl(scene, container, "stop", _SERVICE)


def _inject(scene: Scene, target: Target, options: Mapping[str, str], note: Note) -> str:
    note({"active": is_active(scene, find(scene, target.container), _SERVICE)})
    _stop(scene, target, options, {})
    return "stopped sshd and ended its sessions"


def _heal(scene: Scene, target: Target, _options: Mapping[str, str], noted: Json) -> None:
    with awake(scene, target.container) as container:
        if container is not None and noted["active"]:
            shell(scene, container, ["systemctl", "reset-failed", _SERVICE], ["systemctl", "start", _SERVICE])


KIND = Kind(
    "sshd-down",
    "The SSH server is down and its sessions are ended, until a boot.",
    inject_each(_inject),
    heal_each(_heal),
    scopes=frozenset({Scope.MACHINE, Scope.CONTROLLER}),
    again=again_each(_stop),
)
