"""``partition``: a machine and the controller, or the orchestrator, no longer hear of each other."""

from __future__ import annotations

from collections.abc import Mapping

from docker.models.containers import Container

from jujulab.faults import traffic
from jujulab.faults.each import Note, again_each, heal_each, inject_each
from jujulab.faults.model import Json, Kind, Scene
from jujulab.faults.targets import Scope, Target
from jujulab.lab import names
from jujulab.lab.engine import address
from jujulab_core.errors import JujulabError

_MARK = "jujulab-cut-"
_PEERS = {
    "controller": (names.CONTROLLER,),
    "orchestrator": (names.ORCHESTRATOR,),
    "both": (names.CONTROLLER, names.ORCHESTRATOR),
}


def _peers(scene: Scene, target: Target, options: Mapping[str, str]) -> dict[str, list[Container]]:
    """Who is to be cut off from, by role; with several controllers, all the others."""
    found = {role: scene.all_of(role) for role in _PEERS[options["from"]]}
    others = {role: [peer for peer in peers if peer.name != target.container] for role, peers in found.items()}
    return {role: peers for role, peers in others.items() if peers}


def _cut(scene: Scene, target: Target, options: Mapping[str, str], _noted: Json) -> None:
    # Looked up each time: addresses change when a lab is started again.
    peers = _peers(scene, target, options).values()
    addresses = [[address(peer, names.network(scene.lab)) for peer in same] for same in peers]
    if not all(any(same) for same in addresses) or not addresses:
        raise JujulabError(
            f"there is nobody to cut {target.container} off from: {options['from']} is the target, or does not run"
        )
    traffic.cut_off(scene, target.container, _MARK, [one for same in addresses for one in same if one])


def _inject(scene: Scene, target: Target, options: Mapping[str, str], note: Note) -> str:
    note({})
    _cut(scene, target, options, {})
    return f"cut off from {' and '.join(_peers(scene, target, options))}"


def _heal(scene: Scene, target: Target, _options: Mapping[str, str], _noted: Json) -> None:
    traffic.restore(scene, target.container, _MARK, queue=False)


KIND = Kind(
    "partition",
    "Cut off from the controller, the orchestrator or both, also where it was connected.",
    inject_each(_inject),
    heal_each(_heal),
    scopes=frozenset({Scope.MACHINE, Scope.CONTROLLER, Scope.ORCHESTRATOR}),
    options={"from": "both"},
    allowed={"from": tuple(_PEERS)},
    again=again_each(_cut),
)
