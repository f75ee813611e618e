"""Juju's rules for an agent binary archive: plain files, at its root, and nothing else (section G.2)."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING

from jujulab_core.errors import VerificationError

if TYPE_CHECKING:
    import tarfile

# What unpacks to more is meant to fill the disk.
MAX_FILES = 1_000
MAX_UNPACKED_BYTES = 1024 * 1024 * 1024
_CHUNK_BYTES = 256 * 1024


def unpack(tarball: IO[bytes], directory: str) -> None:
    """Unpacks a gzipped tar archive and makes its files durable.

    Args:
        tarball: Whose size and sha256 were verified.
        directory: Empty; whoever calls removes it after an error.

    Raises:
        VerificationError: The archive breaks a rule; in Juju's words where Juju has the rule.
    """
    # Not needed before an agent has logged in.
    import tarfile
    import zlib

    total = 0
    try:
        with tarfile.open(fileobj=tarball, mode="r:gz") as archive:
            for count, member in enumerate(archive, 1):
                _check_member(member, directory)
                total += member.size
                if total > MAX_UNPACKED_BYTES or count > MAX_FILES:
                    raise VerificationError(
                        f"the archive unpacks to more than {MAX_UNPACKED_BYTES} bytes or {MAX_FILES} files"
                    )
                content = archive.extractfile(member)
                if content is not None:
                    _write(content, f"{directory}/{member.name}", member.mode)
    except (tarfile.TarError, zlib.error, EOFError) as error:
        raise VerificationError(f"it is not a gzipped tar archive: {error}") from error
    if not os.path.exists(f"{directory}/jujud"):
        raise VerificationError('no file "jujud" in agent binary archive')


def _check_member(member: tarfile.TarInfo, directory: str) -> None:
    import tarfile

    name = member.name
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        raise VerificationError(f'bad file type {member.type.decode()} in file "{name}" in agent binary archive')
    if name in ("", ".", "..") or "/" in name or "\\" in name:
        raise VerificationError(f'bad name "{name}" in agent binary archive')
    if os.path.lexists(f"{directory}/{name}"):
        raise VerificationError(f'duplicate file "{name}" in agent binary archive')


def _write(content: IO[bytes], path: str, mode: int) -> None:
    with open(path, "xb") as file:
        while chunk := content.read(_CHUNK_BYTES):
            file.write(chunk)
        # Never writable by others, never set-uid, whatever the archive says.
        os.fchmod(file.fileno(), 0o755 if os.path.basename(path) == "jujud" else mode & 0o755)
        file.flush()
        os.fsync(file.fileno())
