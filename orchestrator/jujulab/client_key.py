"""The SSH key that Juju's client keeps in its store (the wire compatibility notes, section 14).

Clients put its public half into the models that they add, and end where it is missing.
"""

from __future__ import annotations

from pathlib import Path

NAME = "juju_id_rsa"


def ensure(directory: Path) -> None:
    """Makes ``juju_id_rsa`` and ``juju_id_rsa.pub`` in the store's directory of keys unless they are there.

    Args:
        directory: ``ssh`` in the client store; it exists, and whoever calls holds the store's lock.
    """
    private, public = directory / NAME, directory / f"{NAME}.pub"
    if public.exists():
        return
    # Imported here: most commands make no key, and all commands come this way.
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    line = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    for path, content in ((private, pem), (public, line + b" juju-client-key\n")):
        path.touch(mode=0o600)
        path.write_bytes(content)
