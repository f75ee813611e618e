"""The backups on the controller: made, listed, given out, taken in, and restored from.

An archive lies in ``backups/`` beside a ``.json`` of the same name, which comes last: an archive without one is what
a kill left behind. Archives that nobody asked to keep wait there for their download only.
"""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from jujulab_controller import backups_archive, backups_restore, clock
from jujulab_controller.backups import NEVER, Here, Metadata, create_refusal, make_id
from jujulab_controller.errors import NOT_FOUND
from jujulab_controller.state import agents, machines, migrations, models
from jujulab_controller.state.store import Store
from jujulab_core.errors import RpcError
from jujulab_core.layout import MIN_FREE_BYTES, STATE
from jujulab_core.tags import machine_tag
from jujulab_core.version import Number

T = TypeVar("T")
logger = logging.getLogger("juju.state.backups")

# An archive that is not kept waits so long for its download.
UNCLAIMED = timedelta(hours=1)
MAX_UPLOAD_BYTES = backups_archive.MAX_UNPACKED_BYTES


class Backups:
    """A controller's backups.

    Attributes:
        restoring: Whether a restore is under way: the API is off until this process has ended.
    """

    def __init__(self, data_dir: Path, store: Store, version: Number, machine_id: str) -> None:
        """Clears away what an earlier process left unfinished or unclaimed."""
        self._machine_id = machine_id
        self.restoring = False
        self._data_dir = data_dir
        self._directory = data_dir / STATE / "backups"
        self._store = store
        self._version = version
        # One at a time: each takes disk space and CPU, and IDs are of whole seconds.
        self._lock = asyncio.Lock()
        self._directory.mkdir(mode=0o700, exist_ok=True)
        self._clear()

    async def create(self, notes: str, *, keep: bool) -> Metadata:
        """Makes a backup.

        Args:
            notes: For its metadata.
            keep: Whether it stays after it was downloaded.

        Raises:
            RpcError: It cannot be made now.
        """
        async with self._lock:
            here = await self._here()
            refusal = create_refusal(here)
            if refusal:
                raise RpcError(refusal)
            metadata = await self._describe(notes, here)
            logger.info("creating backup %s", metadata.id)
            return await _in_thread(lambda: self._make(metadata, keep))

    def kept(self) -> list[Metadata]:
        """The backups that are kept, oldest first."""
        return [metadata for metadata, kept in self._all() if kept]

    def find(self, name: str) -> tuple[Metadata, Path, bool]:
        """A backup by its ID or its file's name: what is known, its archive, whether it is kept.

        Raises:
            RpcError: There is none.
        """
        for metadata, kept in self._all():
            if name in (metadata.id, metadata.file_name):
                return metadata, self._directory / metadata.file_name, kept
        raise RpcError(f'backup metadata "{name}" not found', NOT_FOUND)

    def remove(self, name: str) -> None:
        """Removes a backup.

        Raises:
            RpcError: There is none.
        """
        metadata, archive, _ = self.find(name)
        self._sidecar(metadata).unlink(missing_ok=True)
        archive.unlink(missing_ok=True)

    async def receive(self, pieces: AsyncIterator[bytes]) -> Metadata:
        """Takes in an archive that somebody uploads, and keeps it.

        Raises:
            RpcError: It is too long, or no backup.
        """
        work = Path(tempfile.mkdtemp(prefix="receiving-", dir=self._directory))
        try:
            archive = work / "archive"
            size = 0
            with archive.open("xb") as file:
                async for piece in pieces:
                    size += len(piece)
                    self._check_space(len(piece))
                    if size > MAX_UPLOAD_BYTES:
                        raise RpcError(f"the archive is longer than {MAX_UPLOAD_BYTES} bytes", "bad request")
                    await _in_thread(lambda piece=piece: file.write(piece))  # type: ignore[misc]
            async with self._lock:
                return await _in_thread(lambda: self._take_in(archive))
        finally:
            shutil.rmtree(work, ignore_errors=True)

    async def restore(self, name: str) -> Metadata:
        """Readies a backup for the next start of this process, which must follow.

        Raises:
            RpcError: There is no such backup, or it cannot be restored here; nothing has changed.
        """
        metadata, archive, _ = self.find(name)
        if self.restoring:
            raise RpcError("a restore is in progress already")
        self.restoring = True
        try:
            async with self._lock:
                here = await self._here()
                await _in_thread(lambda: self._prepare(archive, metadata, here))
        except BaseException:
            self.restoring = False
            raise
        logger.info("restoring backup %s", metadata.id)
        return metadata

    def last_restored(self) -> dict[str, str]:
        """See :func:`backups_restore.last_restored`."""
        return backups_restore.last_restored(self._data_dir)

    async def ha_nodes(self) -> int:
        """How many controller machines there are."""
        return (await self._here()).controllers

    # In the loop.

    async def _here(self) -> Here:
        def read(db: Connection) -> Here:
            mine = models.the_controller(db)
            controllers = machines.controllers(db)
            started = [
                agents.get(db, mine.model_uuid, machine_tag(machine.id)).status for machine in controllers
            ].count("started")
            return Here(
                uuid=mine.uuid,
                version=self._version,
                series=machines.get(db, mine.model_uuid, self._machine_id).series,
                controllers=len(controllers),
                ready=started,
                schema=migrations.HEAD,
                machine=self._machine_id,
            )

        return await self._store.read(read)

    async def _describe(self, notes: str, here: Here) -> Metadata:
        mine = await self._store.read(models.the_controller)
        started = datetime.now(UTC)
        taken = {metadata.id for metadata, _ in self._all()}
        while make_id(started, mine.model_uuid) in taken:
            started += timedelta(seconds=1)
        return Metadata(
            id=make_id(started, mine.model_uuid),
            started=clock.stamp(started),
            finished=NEVER,
            notes=notes,
            model=mine.model_uuid,
            machine=self._machine_id,
            hostname=socket.gethostname(),
            version=str(here.version),
            series=here.series,
            ca_cert=mine.ca_cert,
        )

    # In threads.

    def _make(self, metadata: Metadata, keep: bool) -> Metadata:
        self._clear_unclaimed()
        # Twice: the parts are made before the archive is, and compression may gain nothing.
        parts = (f"{STATE}/{backups_archive.DATABASE}", f"{STATE}/binaries", "tools")
        self._check_space(2 * _bytes_of(self._data_dir, parts))
        work = Path(tempfile.mkdtemp(prefix="making-", dir=self._directory))
        try:
            metadata = replace(metadata, finished=clock.now())
            digest = backups_archive.write(work / "archive", work, self._data_dir, metadata)
            size = (work / "archive").stat().st_size
            stored = clock.now() if keep else ""
            return self._enter(work / "archive", replace(metadata, checksum=digest, size=size, stored=stored))
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _take_in(self, archive: Path) -> Metadata:
        metadata = backups_archive.read_metadata(archive)
        backups_archive.sync(archive)
        digest, size = backups_archive.checksum(archive), archive.stat().st_size
        return self._enter(archive, replace(metadata, checksum=digest, size=size, stored=clock.now()))

    def _enter(self, archive: Path, metadata: Metadata) -> Metadata:
        archive.replace(self._directory / metadata.file_name)
        sidecar = self._sidecar(metadata)
        temporary = sidecar.with_suffix(".new")
        temporary.write_text(json.dumps(asdict(metadata)))
        backups_archive.sync(temporary)
        temporary.replace(sidecar)
        backups_archive.sync(self._directory)
        return metadata

    def _prepare(self, archive: Path, metadata: Metadata, here: Here) -> None:
        self._check_space(3 * metadata.size)
        backups_restore.prepare(archive, self._data_dir, metadata.id, here)

    def _check_space(self, needed: int) -> None:
        free = shutil.disk_usage(self._directory).free
        if free < needed + MIN_FREE_BYTES:
            mib = 1024 * 1024
            raise RpcError(
                f'not enough free disk space on "{self._directory}": {free // mib}MiB available, '
                f"require {(needed + MIN_FREE_BYTES) // mib}MiB"
            )

    def _all(self) -> list[tuple[Metadata, bool]]:
        """Every backup with whether it is kept, by ID."""
        found = []
        for sidecar in sorted(self._directory.glob("juju-backup-*.json")):
            metadata = Metadata(**json.loads(sidecar.read_text()))
            if (self._directory / metadata.file_name).exists():
                found.append((metadata, bool(metadata.stored)))
        return found

    def _sidecar(self, metadata: Metadata) -> Path:
        return self._directory / (metadata.file_name.removesuffix(".tar.gz") + ".json")

    def _clear(self) -> None:
        for metadata, kept in self._all():
            if not kept:
                self.remove(metadata.id)
        known = {
            path
            for metadata, _ in self._all()
            for path in (self._directory / metadata.file_name, self._sidecar(metadata))
        }
        for leftover in set(self._directory.iterdir()) - known:
            if leftover.is_dir():
                shutil.rmtree(leftover)
            else:
                leftover.unlink()

    def _clear_unclaimed(self) -> None:
        now = datetime.now(UTC)
        for metadata, kept in self._all():
            if not kept and now - clock.parse(metadata.finished) > UNCLAIMED:
                self.remove(metadata.id)


def _bytes_of(data_dir: Path, names: tuple[str, ...]) -> int:
    paths = [path for name in names for path in (data_dir / name, *(data_dir / name).rglob("*"))]
    return sum(path.stat().st_size for path in paths if path.is_file() and not path.is_symlink())


async def _in_thread(work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(None, work)
