"""``internet-down``: the controller is taken off the network that plays the internet."""

from __future__ import annotations

from jujulab.faults.model import Json, Keep, Kind, Record, Scene
from jujulab.lab import names
from jujulab.lab.engine import docker_errors


def _connected(scene: Scene) -> list[str]:
    network = names.internet(scene.lab)
    found = [one for one in scene.all_of(names.CONTROLLER) if network in one.attrs["NetworkSettings"]["Networks"]]
    return sorted(str(container.name) for container in found)


def _inject(scene: Scene, _record: Record, keep: Keep) -> tuple[str, ...]:
    state: Json = {"were-connected": _connected(scene)}
    keep(state)
    with docker_errors("take the controller off the internet"):
        network = scene.engine.client.networks.get(names.internet(scene.lab))
        for container in state["were-connected"]:
            network.disconnect(container)
    return (f"the controller is off the network {names.internet(scene.lab)}",)


def _heal(scene: Scene, record: Record) -> None:
    there = {str(container.name) for container in scene.all_of(names.CONTROLLER)}
    off = there.intersection(record.state.get("were-connected", ())).difference(_connected(scene))
    with docker_errors("connect the controller to the internet"):
        for container in sorted(off):
            scene.engine.client.networks.get(names.internet(scene.lab)).connect(container)


KIND = Kind("internet-down", "The controller cannot reach the internet.", _inject, _heal)
