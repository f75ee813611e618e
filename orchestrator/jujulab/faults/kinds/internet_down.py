"""``internet-down``: the controllers are taken off the network that plays the internet."""

from __future__ import annotations

from jujulab.faults.model import Keep, Kind, Record, Scene
from jujulab.lab import controllers, names
from jujulab.lab.engine import docker_errors


def _inject(scene: Scene, _record: Record, _keep: Keep) -> tuple[str, ...]:
    with docker_errors("take the controller off the internet"):
        network = scene.engine.client.networks.get(names.internet(scene.lab))
        for container in controllers.of_lab(scene.engine, scene.lab):
            if controllers.is_on_internet(container):
                network.disconnect(container)
    return (f"the controller is off the network {names.internet(scene.lab)}",)


def _heal(scene: Scene, _record: Record) -> None:
    with docker_errors("connect the controller to the internet"):
        network = scene.engine.client.networks.get(names.internet(scene.lab))
        # Also one that was added meanwhile, which is off it like the others.
        for container in controllers.of_lab(scene.engine, scene.lab):
            if not controllers.is_on_internet(container):
                network.connect(container)


KIND = Kind("internet-down", "The controller cannot reach the internet.", _inject, _heal)
