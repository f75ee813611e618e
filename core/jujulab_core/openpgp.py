"""OpenPGP clear signatures, checked by GnuPG's ``gpgv`` against one pinned set of keys and nothing of the user's."""

from __future__ import annotations

import base64
import binascii
import subprocess
import tempfile
from pathlib import Path

from jujulab_core.errors import HostError, VerificationError
from jujulab_core.simplestreams import NOT_SIGNED

TIMEOUT_SECONDS = 30.0
_BEGIN_KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
_END_KEY = "-----END PGP PUBLIC KEY BLOCK-----"
_BEGIN_MESSAGE = b"-----BEGIN PGP SIGNED MESSAGE-----"


def verify(data: bytes, keys: str) -> bytes:
    """Checks a clear-signed text.

    Args:
        data: The signed text.
        keys: The armoured public keys, one of which must have signed it.

    Returns:
        What was signed, and nothing else of the input.

    Raises:
        VerificationError: It is not signed (in Juju's words), or not by one of these keys.
        HostError: There is no ``gpgv`` here.
    """
    if not data.lstrip().startswith(_BEGIN_MESSAGE):
        raise VerificationError(NOT_SIGNED)
    with tempfile.TemporaryDirectory(prefix="jujulab-gpgv-") as directory:
        keyring = Path(directory, "keys.gpg")
        keyring.write_bytes(dearmour(keys))
        command = ["gpgv", "--quiet", "--homedir", directory, "--keyring", str(keyring), "--output", "-", "-"]
        try:
            done = subprocess.run(command, input=data, capture_output=True, timeout=TIMEOUT_SECONDS, check=False)
        except FileNotFoundError:
            raise HostError("gpgv is not installed here", next_step="install GnuPG's gpgv") from None
        except subprocess.TimeoutExpired:
            raise VerificationError("the signature could not be checked in time") from None
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise VerificationError(f"bad signature: {lines[-1] if lines else 'gpgv refused it'}")
    return done.stdout


def dearmour(keys: str) -> bytes:
    """The bytes of ASCII-armoured keys, as ``gpgv`` wants its keyrings.

    Raises:
        VerificationError: It is not one or more armoured keys.
    """
    blocks = keys.split(_BEGIN_KEY)[1:]
    if not blocks:
        raise VerificationError("the key of the streams is not an armoured OpenPGP public key")
    return b"".join(_decode(block.partition(_END_KEY)[0]) for block in blocks)


def _decode(block: str) -> bytes:
    lines = [line.strip() for line in block.strip("\r\n").splitlines()]
    # Headers such as "Version: ..." end at an empty line; the line behind "=" is a checksum.
    body = lines[lines.index("") + 1 :] if "" in lines else lines
    text = "".join(line for line in body if line and not line.startswith("="))
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise VerificationError(f"the key of the streams is damaged: {error}") from error
