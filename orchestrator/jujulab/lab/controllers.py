"""The containers of a lab's controllers: one at first, more by ``enable-ha``.

All have the lab's network name ``controller``, by which agents find any of them that runs, and all share a volume with
the state (the decision record "Controllers share a volume, and a lock makes one of them lead").
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from typing import Any

from docker.models.containers import Container

from jujulab.images import image_tag
from jujulab.lab import names
from jujulab.lab.engine import ContainerSpec, Engine, File, PortInUseError
from jujulab_core.errors import UsageError
from jujulab_core.layout import API_PORT, STATE_DIR

# How many ports are tried for the API of a controller whose lab file names none.
_PORTS = 200


def of_lab(engine: Engine, lab: str) -> list[Container]:
    """The containers of a lab's controllers, by the numbers of their machines; whether they run or not."""
    found = engine.containers(lab, names.CONTROLLER)
    return sorted(found, key=lambda container: int(container.labels[names.LABEL_MACHINE]))


def api_port(controller: Container) -> int:
    """The port of the host's loopback at which a controller's API is, whether it runs or not."""
    bindings = controller.attrs["HostConfig"]["PortBindings"][f"{API_PORT}/tcp"]
    return int(bindings[0]["HostPort"])


def endpoint(controller: Container) -> str:
    """Where people's clients reach a controller."""
    return f"127.0.0.1:{api_port(controller)}"


def is_on_internet(controller: Container) -> bool:
    """Whether it is on the network that plays the internet."""
    return names.internet(controller.labels[names.LABEL_LAB]) in controller.attrs["NetworkSettings"]["Networks"]


def free_ports(engine: Engine, only: int = 0) -> Iterator[int]:
    """Ports of the host's loopback that are free: the one that is named, or any from Juju's own on.

    A controller that is off keeps its port, which Docker cannot change when it is started again; only who names it
    gets it all the same.
    """
    kept = {api_port(found) for found in engine.containers(role=names.CONTROLLER)}
    for port in [only] if only else sorted(set(range(API_PORT, API_PORT + _PORTS)) - kept):
        with closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        yield port


def start_on_free_port(engine: Engine, spec: Callable[[int], ContainerSpec], only: int = 0) -> int:
    """Starts a new controller's container on a port that is free; returns the port.

    Args:
        engine: The engine.
        spec: The container for a port.
        only: The port that is wanted; 0 for any.

    Raises:
        UsageError: None is free.
    """
    for port in free_ports(engine, only):
        # Between our look and the engine's, another lab may have taken it.
        with suppress(PortInUseError):
            engine.ensure_started(spec(port))
            return port
    raise no_port(only)


def no_port(only: int) -> UsageError:
    """No port is free."""
    what = f"port {only}" if only else f"every port from {API_PORT} to {API_PORT + _PORTS - 1}"
    return UsageError(
        f"{what} of this host is in use: a controller's API needs one",
        next_step="free one (`ss -ltnp` says who has it), or name another in the lab file: controller.api-port",
    )


def container_spec(
    lab: str,
    controller: str,
    model_uuid: str,
    machine_id: str,
    port: int,
    files: tuple[File, ...],
    run: Mapping[str, Any],
    *,
    internet: bool = True,
) -> ContainerSpec:
    """A controller's container.

    Args:
        lab: The lab's name.
        controller: The controller's name.
        model_uuid: The UUID of the controller model.
        machine_id: Its machine's number there.
        port: Its port on the host's loopback.
        files: What it is seeded with.
        run: What the host needs for systemd.
        internet: Whether it is on the network that plays the internet.
    """
    instance = names.instance_id(model_uuid, machine_id)
    labels = {names.LABEL_CONTROLLER: controller, names.LABEL_MODEL: model_uuid, names.LABEL_MACHINE: machine_id}
    return ContainerSpec(
        # The first one is there before all others, and is called as what it is.
        name=names.container(lab, names.CONTROLLER if machine_id == "0" else instance),
        image=image_tag("controller"),
        hostname=instance,
        labels=names.labels(lab, names.CONTROLLER, **labels),
        networks={names.network(lab): ("controller", instance)} | ({names.internet(lab): ()} if internet else {}),
        files=files,
        ports={API_PORT: port},
        volumes={names.state(lab): STATE_DIR},
        run=run,
    )
