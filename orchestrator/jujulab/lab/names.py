"""What the things of a lab are called in Docker. One place for each name and label."""

from __future__ import annotations

import re

from jujulab_core.errors import UsageError

LABEL_LAB = "io.jujulab.lab"
LABEL_ROLE = "io.jujulab.role"
LABEL_MODEL = "io.jujulab.model"
LABEL_MACHINE = "io.jujulab.machine"
LABEL_CONTROLLER = "io.jujulab.controller"

CONTROLLER = "controller"
MACHINE = "machine"
STREAMS = "streams"
ORCHESTRATOR = "orchestrator"
# Does something beside another container, and is gone.
HELPER = "helper"

_NAME_RE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")


def check_name(name: str, what: str = "lab name") -> str:
    """Returns the name if Docker and Juju both take it.

    Raises:
        UsageError: They would not.
    """
    if not _NAME_RE.fullmatch(name):
        raise UsageError(f'"{name}" is not a valid {what}: use up to 32 of a-z, 0-9 and "-"')
    return name


def labels(lab: str, role: str, **extra: str) -> dict[str, str]:
    """The labels of one of a lab's containers or networks."""
    return {LABEL_LAB: lab, LABEL_ROLE: role, **extra}


def container(lab: str, what: str) -> str:
    """The container's name of a role, or of a machine given by its instance id."""
    return f"jujulab-{lab}-{what}"


def network(lab: str) -> str:
    """The network of the controller, the machines and the orchestrator."""
    return f"jujulab-{lab}"


def internet(lab: str) -> str:
    """The network that plays the internet; only controller and streams are on it."""
    return f"jujulab-{lab}-internet"


def state(lab: str) -> str:
    """The volume with the state of the controllers."""
    return f"jujulab-{lab}-state"


def instance_id(model_uuid: str, machine_id: str) -> str:
    """Juju's name for a machine's instance: ``juju-1a2b3c-0``."""
    return f"juju-{model_uuid[-6:]}-{machine_id}"
