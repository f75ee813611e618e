"""``slow-internet``: what the internet sends is held to a rate, by the kernel's token bucket."""

from __future__ import annotations

import re

from docker.errors import ContainerError

from jujulab.faults.model import Keep, Kind, Record, Scene
from jujulab.images import image_tag
from jujulab.lab import names
from jujulab.lab.engine import docker_errors
from jujulab_core.errors import JujulabError, UsageError

_RATE_RE = re.compile(r"[0-9]+(?:\.[0-9]+)?[kmg]?(?:bit|bps)")
_BURST_BYTES = 16 * 1024
_LATENCY = "400ms"


def _tc(scene: Scene, command: str) -> None:
    # From a container beside it, in its network: the streams container needs no rights and no tools of its own.
    with docker_errors("shape the traffic of the internet"):
        try:
            scene.engine.client.containers.run(
                image_tag("base"),
                ["sh", "-ec", command],
                network_mode=f"container:{scene.name(names.STREAMS)}",
                cap_add=["NET_ADMIN"],
                labels=names.labels(scene.lab, "helper"),
                remove=True,
            )
        except ContainerError as error:
            said = error.stderr.decode(errors="replace") if isinstance(error.stderr, bytes) else error.stderr or ""
            raise JujulabError(
                f"cannot shape the traffic of the internet: {said.strip()}",
                next_step="see with `jujulab doctor` whether this kernel has tc's tbf",
            ) from error


def _inject(scene: Scene, record: Record, keep: Keep) -> None:
    rate = record.options["rate"]
    if not _RATE_RE.fullmatch(rate):
        raise UsageError(f'"{rate}" is not a rate', next_step="write it as 256kbit or 1mbit")
    keep({})
    _tc(scene, f"tc qdisc replace dev eth0 root tbf rate {rate} burst {_BURST_BYTES} latency {_LATENCY}")


def _heal(scene: Scene, _record: Record) -> None:
    container = scene.engine.find(scene.name(names.STREAMS))
    # A container that was stopped in the meantime has lost it by itself.
    if container is not None and container.status == "running":
        _tc(scene, "if tc qdisc show dev eth0 | grep -q tbf; then tc qdisc del dev eth0 root; fi")


KIND = Kind(
    "slow-internet",
    "The internet sends no faster than a rate.",
    _inject,
    _heal,
    options={"rate": "512kbit"},
)
