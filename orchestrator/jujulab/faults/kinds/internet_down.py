"""``internet-down``: the controller is taken off the network that plays the internet."""

from __future__ import annotations

from jujulab.faults.model import Json, Keep, Kind, Record, Scene
from jujulab.lab import names
from jujulab.lab.engine import docker_errors


def _connected(scene: Scene) -> bool:
    container = scene.engine.find(scene.name(names.CONTROLLER))
    return container is not None and names.internet(scene.lab) in container.attrs["NetworkSettings"]["Networks"]


def _inject(scene: Scene, _record: Record, keep: Keep) -> tuple[str, ...]:
    state: Json = {"was-connected": _connected(scene)}
    keep(state)
    if state["was-connected"]:
        with docker_errors("take the controller off the internet"):
            network = scene.engine.client.networks.get(names.internet(scene.lab))
            network.disconnect(scene.name(names.CONTROLLER))
    return (f"the controller is off the network {names.internet(scene.lab)}",)


def _heal(scene: Scene, record: Record) -> None:
    if record.state.get("was-connected") and not _connected(scene):
        with docker_errors("connect the controller to the internet"):
            scene.engine.client.networks.get(names.internet(scene.lab)).connect(scene.name(names.CONTROLLER))


KIND = Kind("internet-down", "The controller cannot reach the internet.", _inject, _heal)
