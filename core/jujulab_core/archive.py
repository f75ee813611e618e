"""Juju's rules for an agent binary archive: plain files, at its root, and nothing else (section G.2).

Agents keep to them when they unpack, and the controller when somebody uploads. The archive is not trusted: no length
that it claims makes us hold or write more than the limits say.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

from jujulab_core.errors import VerificationError

if TYPE_CHECKING:
    import gzip
    import tarfile

# What unpacks to more is meant to fill the disk.
MAX_FILES = 1_000
MAX_UNPACKED_BYTES = 1024 * 1024 * 1024
JUJUD = "jujud"
# An entry's header may have parts of any length, which are read at once; honest ones have a few kilobytes.
_MAX_READ_BYTES = 1024 * 1024


def members(
    tarball: IO[bytes], max_bytes: int = MAX_UNPACKED_BYTES, max_files: int = MAX_FILES
) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    """Goes through an archive and gives every file with its content.

    Args:
        tarball: A gzipped tar archive.
        max_bytes: What it may unpack to, in bytes.
        max_files: How many files it may hold.

    Raises:
        VerificationError: The archive breaks a rule; in Juju's words where Juju has the rule.
    """
    # Not needed before an agent has logged in.
    import gzip
    import tarfile
    import zlib

    total, names = 0, set[str]()
    try:
        with gzip.GzipFile(fileobj=tarball, mode="rb") as plain:
            bounded: Any = _Bounded(plain, max_bytes)
            archive = tarfile.open(fileobj=bounded, mode="r:")  # noqa: SIM115 - nothing of it has to be closed
            for member in archive:
                _check(member, names)
                names.add(member.name)
                total += member.size
                if total > max_bytes or len(names) > max_files:
                    raise VerificationError(f"the archive unpacks to more than {max_bytes} bytes or {max_files} files")
                content = archive.extractfile(member)
                if content is not None:
                    yield member, content
    except VerificationError:
        raise
    # The last four come out of tarfile for headers that are damaged with care.
    except (
        *(tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile),
        *(ValueError, OverflowError, LookupError, RecursionError),
    ) as error:
        raise VerificationError(f"it is not a gzipped tar archive: {error}") from error
    if JUJUD not in names:
        raise VerificationError('no file "jujud" in agent binary archive')


def check(tarball: IO[bytes]) -> None:
    """Goes through an archive to its end and keeps nothing of it.

    Raises:
        VerificationError: As :func:`members` does.
    """
    for _, content in members(tarball):
        while content.read(_MAX_READ_BYTES):
            pass


def _check(member: tarfile.TarInfo, names: set[str]) -> None:
    import tarfile

    name = member.name
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        kind = member.type.decode(errors="replace")
        raise VerificationError(f'bad file type {kind} in file "{name}" in agent binary archive')
    if member.issparse():
        raise VerificationError(f'file "{name}" has holes in agent binary archive')
    if name in ("", ".", "..") or any(sign in name for sign in "/\\\0"):
        raise VerificationError(f'bad name "{name}" in agent binary archive')
    if name in names:
        raise VerificationError(f'duplicate file "{name}" in agent binary archive')


class _Bounded:
    """The unpacked side of an archive, which gives only so much, and little at a time."""

    def __init__(self, plain: gzip.GzipFile, max_bytes: int) -> None:
        self._plain = plain
        self._max_bytes = max_bytes
        # Headers and padding come on top of what the files hold.
        self._limit = max_bytes + 16 * _MAX_READ_BYTES

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _MAX_READ_BYTES:
            raise VerificationError(f"a header in the archive is longer than {_MAX_READ_BYTES} bytes")
        data = self._plain.read(size)
        self._check(self._plain.tell())
        return data

    def seek(self, position: int, whence: int = 0) -> int:
        if whence == 0:
            self._check(position)
        return self._plain.seek(position, whence)

    def tell(self) -> int:
        return self._plain.tell()

    def _check(self, position: int) -> None:
        if position > self._limit:
            raise VerificationError(f"the archive unpacks to more than {self._max_bytes} bytes")
