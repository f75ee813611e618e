"""The archive of a backup: written in one go, read with distrust.

::

    juju-backup/metadata.json
    juju-backup/root.tar          files of the controller's machine, below var/lib/juju and home/ubuntu
    juju-backup/dump/controller.db
    juju-backup/dump/blobs/SHA256 the cached agent binaries

Source: the Juju upgrade specification, section J; the dump is a SQLite database where Juju's is a mongodump.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import sqlite3
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from jujulab_controller.backups import Metadata, not_a_backup
from jujulab_core.errors import JujulabError, RpcError
from jujulab_core.layout import DATA_DIR, STATE
from jujulab_core.version import Binary

DATABASE = "controller.db"
BLOBS = "blobs"
TOOLS = "tools"
AUTHORIZED_KEYS = Path("/home/ubuntu/.ssh/authorized_keys")

_TOP = "juju-backup"
_METADATA, _ROOT, _DUMP = f"{_TOP}/metadata.json", f"{_TOP}/root.tar", f"{_TOP}/dump"
_BLOB_RE = re.compile(rf"{_DUMP}/{BLOBS}/(?P<sha256>[0-9a-f]{{64}})")
_TOOL_RE = re.compile(rf"{DATA_DIR.lstrip('/')}/{TOOLS}/(?P<binary>[^/]+)/(?P<file>jujud|downloaded-tools\.txt)")
# Beside the tools and the agents' configuration; not every controller has each of them.
_SINGLE_FILES = ("system-identity", "server.pem", "shared-secret", "nonce.txt")
# What unpacks to more is no backup of a lab, but meant to fill the disk.
MAX_UNPACKED_BYTES = 8 * 1024**3
_MAX_MEMBERS = 100_000
_MAX_METADATA_BYTES = 1024 * 1024
_PIECE = 1024 * 1024


class _Hashed(io.RawIOBase):
    """Writes through to a file and hashes what it writes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha1(usedforsecurity=False)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.digest.update(data)
        return self._file.write(data)


def write(archive: Path, work: Path, data_dir: Path, metadata: Metadata) -> str:
    """Writes an archive of the controller's state while the controller works; returns its checksum.

    Args:
        archive: The file to make.
        work: An empty directory for what is made on the way, on the same disk.
        data_dir: The controller's directory.
        metadata: For the archive's ``metadata.json``.
    """
    copy_database(data_dir / STATE / DATABASE, work / DATABASE)
    with tarfile.open(work / "root.tar", "w") as root:
        for path, name in _root_files(data_dir):
            root.add(path, name)
    with archive.open("xb") as file:
        hashed = _Hashed(cast(BinaryIO, file))
        with (
            # Lightly: agent binaries, the bulk of it, are compressed already.
            gzip.GzipFile(filename="", mode="wb", compresslevel=3, fileobj=cast(BinaryIO, hashed)) as compressed,
            tarfile.open(fileobj=compressed, mode="w|") as tar,
        ):
            # First, so that whoever reads the archive as a stream can refuse it at once.
            _add_bytes(tar, _METADATA, json.dumps(metadata.to_json(), indent=1).encode())
            tar.add(work / DATABASE, f"{_DUMP}/{DATABASE}")
            for sha256 in _blobs_of(work / DATABASE):
                blob = data_dir / STATE / "binaries" / BLOBS / sha256
                if blob.exists():
                    tar.add(blob, f"{_DUMP}/{BLOBS}/{sha256}")
            tar.add(work / "root.tar", _ROOT)
        file.flush()
        os.fsync(file.fileno())
    return base64.b64encode(hashed.digest.digest()).decode()


def copy_database(source: Path, target: Path) -> None:
    """Copies a database that is in use, by SQLite's online backup: one snapshot, and writers go on meanwhile."""
    with (
        contextlib.closing(sqlite3.connect(source, timeout=30)) as old,
        contextlib.closing(sqlite3.connect(target)) as new,
    ):
        # All pages in one step, in one read transaction: a writer's commit cannot make it begin again.
        old.backup(new, pages=-1)
        new.execute("PRAGMA journal_mode=DELETE")


def checksum(archive: Path) -> str:
    """The checksum of an archive that somebody brought."""
    with archive.open("rb") as file:
        return base64.b64encode(
            hashlib.file_digest(file, lambda: hashlib.sha1(usedforsecurity=False)).digest()
        ).decode()


def read_metadata(archive: Path) -> Metadata:
    """Reads an archive's metadata.

    Raises:
        RpcError: It is no backup.
    """
    with _reading(archive) as tar:
        for member in tar:
            if member.name == _METADATA and member.isfile():
                return _metadata(tar, member)
    raise not_a_backup(f"it has no {_METADATA}")


def unpack(archive: Path, directory: Path, limit: int) -> Metadata:
    """Unpacks an archive into a directory: ``controller.db``, ``blobs/SHA256``, ``tools/BINARY/...``.

    Of ``root.tar`` only the agents' binaries are taken. The rest is there for repairs by hand: the machine that
    is restored into has such files of its own.

    Args:
        archive: The archive.
        directory: An empty directory.
        limit: How many bytes it may unpack to.

    Raises:
        RpcError: It is no backup, or holds what a backup does not; the message says what.
    """
    metadata: Metadata | None = None
    for name in (BLOBS, TOOLS):
        (directory / name).mkdir()
    with _reading(archive) as tar:
        for member in _plain(tar, min(limit, MAX_UNPACKED_BYTES)):
            if member.name == _METADATA:
                metadata = _metadata(tar, member)
            elif member.name == f"{_DUMP}/{DATABASE}":
                _extract(tar, member, directory / DATABASE)
            elif member.name == _ROOT:
                _extract(tar, member, directory / "root.tar")
            elif match := _BLOB_RE.fullmatch(member.name):
                if _extract(tar, member, directory / BLOBS / match["sha256"]) != match["sha256"]:
                    raise not_a_backup(f'"{member.name}" does not have the hash that its name says')
            else:
                raise not_a_backup(f'it holds "{member.name}", which no backup does')
    if metadata is None or not (directory / DATABASE).exists() or not (directory / "root.tar").exists():
        raise not_a_backup("it is not complete")
    _unpack_tools(directory / "root.tar", directory / TOOLS)
    (directory / "root.tar").unlink()
    return metadata


def sync_tree(directory: Path) -> None:
    """Puts all files and directories below a directory on disk."""
    for path in (directory, *directory.rglob("*")):
        sync(path)


def sync(path: Path) -> None:
    """Puts one file, or a directory's entries, on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _root_files(data_dir: Path) -> Iterator[tuple[Path, str]]:
    base = DATA_DIR.lstrip("/")
    if (data_dir / TOOLS).is_dir():
        for path in sorted((data_dir / TOOLS).iterdir()):
            # Neither what is just being unpacked nor links that are about to be renamed.
            if (path.is_symlink() and not path.name.startswith(".")) or (_is_binary(path.name) and path.is_dir()):
                yield path, f"{base}/{TOOLS}/{path.name}"
    paths = [*sorted(data_dir.glob("agents/machine-*")), *sorted(data_dir.glob("init/*"))]
    for path in [*paths, *(data_dir / name for name in _SINGLE_FILES)]:
        if path.exists():
            yield path, f"{base}/{path.relative_to(data_dir)}"
    if os.access(AUTHORIZED_KEYS, os.R_OK):
        yield AUTHORIZED_KEYS, str(AUTHORIZED_KEYS).lstrip("/")


def _is_binary(name: str) -> bool:
    try:
        Binary.parse(name)
    except JujulabError:
        return False
    return True


def _blobs_of(database: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return [row[0] for row in connection.execute("SELECT DISTINCT sha256 FROM binaries ORDER BY sha256")]


def _add_bytes(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), 0o600
    tar.addfile(info, io.BytesIO(data))


@contextlib.contextmanager
def _reading(archive: Path, mode: str = "r:gz") -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(archive, mode) as tar:  # type: ignore[call-overload]
            yield tar
    except (tarfile.TarError, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise RpcError(f"cannot unpack the backup archive: {error.strerror}") from error
        raise not_a_backup(f"it is not a gzipped tar archive, or damaged ({error})") from error
    except ValueError as error:
        raise not_a_backup(str(error)) from error


def _plain(tar: tarfile.TarFile, limit: int) -> Iterator[tarfile.TarInfo]:
    """The members; raises at the first that is not a plain file or a directory, is there twice, or is too much."""
    seen: set[str] = set()
    total = 0
    for member in tar:
        if member.isdir():
            continue
        if not member.isfile():
            raise not_a_backup(f'"{member.name}" is not a plain file')
        if member.name in seen:
            raise not_a_backup(f'"{member.name}" is there twice')
        seen.add(member.name)
        total += member.size
        if total > limit or len(seen) > _MAX_MEMBERS:
            raise not_a_backup(f"it unpacks to more than {limit} bytes or {_MAX_MEMBERS} files")
        yield member


def _metadata(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Metadata:
    file = tar.extractfile(member)
    if file is None or member.size > _MAX_METADATA_BYTES:
        raise not_a_backup("its metadata is too long")
    try:
        content = json.load(file)
    except ValueError as error:
        raise not_a_backup(f"its metadata is not JSON: {error}") from error
    return Metadata.from_json(content)


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> str:
    """Writes a member to a new file; returns its SHA-256."""
    source = tar.extractfile(member)
    if source is None:
        raise not_a_backup(f'"{member.name}" is not a plain file')
    digest = hashlib.sha256()
    with target.open("xb") as file:
        while piece := source.read(_PIECE):
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def _unpack_tools(root: Path, target: Path) -> None:
    with _reading(root, "r:") as tar:
        for member in tar:
            match = _TOOL_RE.fullmatch(member.name)
            # A sparse file would be larger than the archive that holds it.
            if match is None or not member.isfile() or member.issparse() or not _is_binary(match["binary"]):
                continue
            directory = target / match["binary"]
            directory.mkdir(mode=0o755, exist_ok=True)
            _extract(tar, member, directory / match["file"])
            (directory / match["file"]).chmod(0o755 if match["file"] == "jujud" else 0o644)
    # An agent binary is used only where it is complete.
    for directory in target.iterdir():
        directory.chmod(0o755)
        if {path.name for path in directory.iterdir()} != {"jujud", "downloaded-tools.txt"}:
            shutil.rmtree(directory)
