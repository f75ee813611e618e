"""Which version of the ``juju`` command this client stands for."""

from __future__ import annotations

import os
import platform

from jujulab.store import Store
from jujulab_core.errors import UsageError
from jujulab_core.version import Binary, Number, binary_series

VARIABLE = "JUJULAB_CLIENT_VERSION"
# The client that the manual page "Upgrading models" is about; used where there is no controller to follow.
DEFAULT = Number(2, 6, 10)
HOST_SERIES = "bionic"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "ppc64le": "ppc64el"}


def client_version(store: Store, controller: str | None = None) -> Number:
    """The client's version: what the user says, else the controller's, so that a lab needs no second number.

    Args:
        store: The client store.
        controller: A controller's name; by default the current one.

    Raises:
        UsageError: ``JUJULAB_CLIENT_VERSION`` does not hold a version.
    """
    if (claimed := claimed_version()) is not None:
        return claimed
    name = controller or store.current_controller
    known = store.controllers().get(name) if name else None
    return Number.parse(known.agent_version) if known and known.agent_version else DEFAULT


def claimed_version() -> Number | None:
    """The version that the user says this client is; None if the user says nothing.

    Raises:
        UsageError: ``JUJULAB_CLIENT_VERSION`` does not hold a version.
    """
    text = os.environ.get(VARIABLE, "")
    try:
        return Number.parse(text) if text else None
    except UsageError as error:
        raise UsageError(f"{error} in {VARIABLE}", next_step=f"set {VARIABLE} to a version such as 2.6.10") from error


def host_binary(number: Number) -> Binary:
    """The client's version with the host's series and architecture: ``2.6.10-bionic-amd64``."""
    machine = platform.machine()
    return Binary(number, binary_series(number, HOST_SERIES), ARCHITECTURES.get(machine, machine))
