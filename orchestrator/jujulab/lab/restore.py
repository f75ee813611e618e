"""A lab whose controller's container was destroyed: a new, empty one takes its place and waits for a backup.

The new one has the lab's secrets, name, address and port, so that agents, the orchestrator and clients find it as they
found the old one. Until its state is restored it knows none of the lab's machines. That is written down beside the
lab's secrets, so that no command takes those machines for leftovers and removes them.
"""

from __future__ import annotations

from typing import NamedTuple

from jujulab.lab import controllers, names
from jujulab.lab.engine import Engine
from jujulab.lab.labspec import LabSpec
from jujulab.store import Store
from jujulab_core.errors import JujulabError, UsageError
from jujulab_core.version import Number

_MARK = "awaiting-restore"
NEXT = "bring its state back with `jujulab restore-backup --file FILE`, or remove the lab with `jujulab down`"


class Lost(NamedTuple):
    """A controller that is gone.

    Attributes:
        version: The version that it ran when it was last asked.
        port: The port of the host's loopback at which clients know it.
        machines: How many machines it leaves behind.
    """

    version: Number
    port: int
    machines: int


def lost_controller(engine: Engine, store: Store, spec: LabSpec) -> Lost | None:
    """The controller of a lab, if its container is gone while machines of the lab are still there.

    Raises:
        UsageError: The lab's controller had another name.
    """
    there = [found for found in controllers.of_lab(engine, spec.name) if found.status != "created"]
    machines = engine.containers(spec.name, names.MACHINE)
    if there or not machines:
        return None
    known = store.controllers().get(spec.controller)
    if known is None or known.region != spec.name:
        raise UsageError(
            f'lab "{spec.name}" has lost its controller, which was not called "{spec.controller}"',
            next_step=f"name it as it was, or remove what is left with 'jujulab down {spec.name}'",
        )
    return Lost(Number.parse(known.agent_version), int(known.endpoints[0].rpartition(":")[2]), len(machines))


def expect(store: Store, lab: str) -> None:
    """Notes that a lab's new controller waits for its state; before that controller is made."""
    (store.lab_dir(lab) / _MARK).touch(mode=0o600)


def is_awaited(store: Store, lab: str) -> bool:
    """Whether a lab's controller is new and waits for its state."""
    return lab in store.labs() and (store.lab_dir(lab) / _MARK).exists()


def done(store: Store, lab: str) -> None:
    """Notes that the state is back."""
    if lab in store.labs():
        (store.lab_dir(lab) / _MARK).unlink(missing_ok=True)


def refuse_while_awaited(store: Store, lab: str) -> None:
    """Keeps commands that make and remove machines off a lab whose controller does not know its machines.

    Raises:
        JujulabError: It waits for a restore.
    """
    if is_awaited(store, lab):
        raise JujulabError(f'the controller of lab "{lab}" is new and does not know its machines', next_step=NEXT)
