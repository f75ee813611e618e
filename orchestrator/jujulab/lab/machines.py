"""What a container needs to be a Juju machine: its first boot's data, its keys, its flags."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from jujulab.images import image_tag
from jujulab.lab import names
from jujulab.lab.engine import ContainerSpec, File
from jujulab.lab.pki import SshKey
from jujulab_core import agentconf
from jujulab_core.errors import HostError
from jujulab_core.layout import API_PORT, DATA_DIR, LOG_DIR

SEED_DIR = "/var/lib/cloud/seed/juju"

_ARCHES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def host_arch() -> str:
    """Juju's name for the architecture that this host's containers have.

    Raises:
        HostError: There are no images for it.
    """
    machine = platform.machine().lower()
    if machine not in _ARCHES:
        raise HostError(f"this host's architecture {machine} is not supported; supported are amd64 and arm64")
    return _ARCHES[machine]


def first_boot(
    *,
    agent_conf: Mapping[str, agentconf.Value],
    binary: str,
    sha256: str,
    size: int,
    urls: Iterable[str],
    ca_cert: str,
    host_key: SshKey,
    authorized_key: str,
) -> tuple[File, ...]:
    """The files that a machine's container is seeded with; ``juju-init`` on the machine consumes them."""
    tag = str(agent_conf["tag"])
    install = {
        "TAG": tag,
        "MACHINE_ID": tag.removeprefix("machine-"),
        "BINARY": binary,
        "SHA256": sha256,
        "SIZE": str(size),
        "URLS": " ".join(urls),
    }
    return (
        File(f"{SEED_DIR}/agent.conf", agentconf.dump(dict(agent_conf))),
        File(
            f"{SEED_DIR}/install.env",
            "".join(f"{key}={shlex.quote(value)}\n" for key, value in install.items()),
        ),
        File(f"{SEED_DIR}/ca.crt", ca_cert),
        File("/etc/ssh/ssh_host_ed25519_key", host_key.private),
        File("/etc/ssh/ssh_host_ed25519_key.pub", host_key.public + "\n", 0o644),
        File("/home/ubuntu/.ssh/authorized_keys", authorized_key + "\n", 0o600, 1000),
    )


def controller_agent_conf(
    *, controller_uuid: str, model_uuid: str, version: str, nonce: str, password: str, ca_cert: str
) -> dict[str, agentconf.Value]:
    """The configuration of machine 0 of the controller model; other machines get theirs from the controller."""
    return {
        "tag": "machine-0",
        "datadir": DATA_DIR,
        "logdir": LOG_DIR,
        "metricsspooldir": f"{DATA_DIR}/metricspool",
        "nonce": nonce,
        "jobs": ["JobManageModel", "JobHostUnits"],
        # A first installation has nothing to upgrade from, so no steps to run.
        "upgradedToVersion": version,
        "cacert": ca_cert,
        "controller": f"controller-{controller_uuid}",
        "model": f"model-{model_uuid}",
        "apiaddresses": [f"controller:{API_PORT}"],
        "apipassword": password,
        "oldpassword": password,
        "values": {},
        "apiport": str(API_PORT),
    }


def machine_spec(
    lab: str, model_uuid: str, machine_id: str, files: tuple[File, ...], run: Mapping[str, Any]
) -> ContainerSpec:
    """The container of a model's machine."""
    instance = names.instance_id(model_uuid, machine_id)
    extra = {names.LABEL_MODEL: model_uuid, names.LABEL_MACHINE: machine_id}
    return ContainerSpec(
        name=names.container(lab, instance),
        image=image_tag("machine"),
        hostname=instance,
        labels=names.labels(lab, names.MACHINE, **extra),
        networks={names.network(lab): (instance,)},
        files=files,
        run=run,
    )
