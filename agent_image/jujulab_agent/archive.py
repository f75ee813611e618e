"""Unpacks an agent binary archive by the rules of :mod:`jujulab_core.archive`."""

from __future__ import annotations

import os
from typing import IO

from jujulab_core.archive import JUJUD, MAX_UNPACKED_BYTES, members

_CHUNK_BYTES = 256 * 1024


def unpack(tarball: IO[bytes], directory: str) -> None:
    """Unpacks a gzipped tar archive and makes its files durable.

    Args:
        tarball: Whose size and sha256 were verified.
        directory: Empty; whoever calls removes it after an error.

    Raises:
        VerificationError: The archive breaks a rule; in Juju's words where Juju has the rule.
    """
    for member, content in members(tarball, MAX_UNPACKED_BYTES):
        _write(content, f"{directory}/{member.name}", member.mode)


def _write(content: IO[bytes], path: str, mode: int) -> None:
    with open(path, "xb") as file:
        while chunk := content.read(_CHUNK_BYTES):
            file.write(chunk)
        # Never writable by others, never set-uid, whatever the archive says.
        os.fchmod(file.fileno(), 0o755 if os.path.basename(path) == JUJUD else mode & 0o755)
        file.flush()
        os.fsync(file.fileno())
