"""A lab's secrets: one 0700 directory, made once, needed to bring the lab up again and to talk to it.

Everything else about a lab is in Docker or in its controller.
"""

from __future__ import annotations

import datetime
import json
import secrets as randomness
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from jujulab.lab import pki
from jujulab_core.errors import JujulabError


@dataclass(frozen=True)
class Secrets:
    """What a lab's parts prove who they are with.

    Attributes:
        controller_uuid: The controller's.
        controller_model_uuid: That of the model `controller`.
        ca: The lab's CA; every certificate of the lab hangs on it.
        controller_cert: The API server's certificate.
        streams_cert: The certificate of the server that plays the internet.
        ssh_key: The lab's only SSH key; its public half is on every machine.
        controller_host_key: The SSH host key of the controller's container.
        admin_password: For the user `admin`.
        orchestrator_password: For the orchestrator's login.
        machine_password: For the agent of the controller's machine 0.
        machine_nonce: Its nonce.
    """

    controller_uuid: str
    controller_model_uuid: str
    ca: pki.Pair
    controller_cert: pki.Pair
    streams_cert: pki.Pair
    ssh_key: pki.SshKey
    controller_host_key: pki.SshKey
    admin_password: str
    orchestrator_password: str
    machine_password: str
    machine_nonce: str


def load_or_make(directory: Path, lab: str) -> Secrets:
    """The lab's secrets; makes them where the lab has none yet.

    The directory also gets what other programs read: ``ssh/id_ed25519`` and ``ca.crt``.

    Raises:
        JujulabError: The directory cannot be written, or what it holds is not a lab's secrets.
    """
    path = directory / "secrets.json"
    if path.exists():
        return load(directory, lab)
    made = _make(lab)
    try:
        (directory / "ssh").mkdir(parents=True, mode=0o700, exist_ok=True)
        _write(directory / "ssh" / "id_ed25519", made.ssh_key.private)
        _write(directory / "ssh" / "id_ed25519.pub", made.ssh_key.public + "\n")
        _write(directory / "ca.crt", made.ca.certificate)
        # Last, and by a rename: a lab either has all of its secrets or none.
        _write(path, json.dumps(asdict(made), indent=1))
    except OSError as error:
        raise JujulabError(f"cannot write the lab's secrets to {directory}: {error.strerror}") from error
    return made


def load(directory: Path, lab: str) -> Secrets:
    """Reads the secrets of an existing lab.

    Raises:
        JujulabError: There are none, or they cannot be read.
    """
    try:
        data = json.loads((directory / "secrets.json").read_text())
        for key in ("ca", "controller_cert", "streams_cert"):
            data[key] = pki.Pair(*data[key])
        for key in ("ssh_key", "controller_host_key"):
            data[key] = pki.SshKey(*data[key])
        return Secrets(**data)
    except (OSError, ValueError, TypeError, KeyError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise JujulabError(
            f'cannot read the secrets of lab "{lab}" in {directory}: {why}',
            next_step=f"remove the lab with 'jujulab down {lab} -y' and make it again",
        ) from error


def _make(lab: str) -> Secrets:
    now = datetime.datetime.now(datetime.UTC)
    ca = pki.make_ca(lab, now)
    return Secrets(
        controller_uuid=str(uuid.uuid4()),
        controller_model_uuid=str(uuid.uuid4()),
        ca=ca,
        controller_cert=pki.make_controller_cert(ca, now),
        streams_cert=pki.make_streams_cert(ca, now),
        ssh_key=pki.make_ssh_key(f"jujulab-{lab}"),
        controller_host_key=pki.make_ssh_key(f"{lab}-controller"),
        admin_password=randomness.token_hex(16),
        orchestrator_password=randomness.token_hex(16),
        machine_password=randomness.token_hex(16),
        machine_nonce=f"user-admin:{uuid.uuid4()}",
    )


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".new")
    temporary.touch(mode=0o600)
    temporary.write_text(text)
    temporary.replace(path)
