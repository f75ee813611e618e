"""Packs a ``jujud`` into the tarball that Juju calls agent binaries."""

from __future__ import annotations

import calendar
import gzip
import hashlib
import io
import tarfile

from jujulab_agent.builder.jujud import EPOCH
from jujulab_core.errors import UsageError

MAX_BYTES = 512 * 1024 * 1024
_BALLAST_NAME = "ballast"
# Fast: the fleet fetches over a local network, and ballast cannot be compressed anyway.
_LEVEL = 1


def build_tarball(jujud: bytes, size: int | None = None) -> bytes:
    """Builds a gzipped tar archive; the same input gives the same bytes.

    Args:
        jujud: The executable.
        size: How many bytes the archive shall have, about; by default as few as it needs.

    Raises:
        UsageError: The size is less than the agent needs, or more than is sensible.
    """
    bare = _pack({"jujud": jujud})
    if size is None:
        return bare
    if not len(bare) <= size <= MAX_BYTES:
        raise UsageError(f"size {size} is out of range: an agent tarball has from {len(bare)} to {MAX_BYTES} bytes")
    # Bytes without a pattern, and the same every time.
    ballast = hashlib.shake_256(b"jujulab").digest(size - len(bare))
    return _pack({_BALLAST_NAME: ballast, "jujud": jujud})


def _pack(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mode = 0o755 if name == "jujud" else 0o644
            member.mtime = calendar.timegm(EPOCH)
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(buffer.getvalue(), _LEVEL, mtime=0)
