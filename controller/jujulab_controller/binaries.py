"""The cache of agent binaries: content-addressed files, filled by uploads and, on a miss, from the internet.

However many ask for a version that is not here, it is fetched once. What is not verified is never served.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import Row

from jujulab_controller.internet import AGAIN_SECONDS, FRESH_SECONDS, Internet
from jujulab_controller.state import binaries, models
from jujulab_controller.state.store import Store
from jujulab_controller.streams import candidates, download_config
from jujulab_controller.transfer import BINARY_PATIENCE
from jujulab_core import archive
from jujulab_core.errors import JujulabError, VerificationError
from jujulab_core.looking import Offer
from jujulab_core.simplestreams import DEFAULT_LIMITS
from jujulab_core.version import Binary

logger = logging.getLogger("juju.apiserver.tools")

# What the file system says of a file: size, time of change and inode of a file that was found sound.
_Sound = tuple[int, int, int]
_PIECE = 1024 * 1024


class BinaryCache:
    """The files below ``blobs/`` and the rows that name them."""

    def __init__(self, directory: Path, store: Store, internet: Internet, reach: Callable[[str], None]) -> None:
        """Makes the directory, or clears away what an earlier process left unfinished in it.

        Args:
            directory: Where the files are.
            store: Where the rows are.
            internet: Where binaries come from that are not there.
            reach: Told of the boundaries that are passed.
        """
        self._blobs = directory / "blobs"
        self._partial = directory / "partial"
        self._reach = reach
        self._store = store
        self._internet = internet
        self._fetches: dict[str, asyncio.Task[None]] = {}
        self._sound: dict[str, _Sound] = {}
        self._blobs.mkdir(parents=True, exist_ok=True)
        self._partial.mkdir(parents=True, exist_ok=True)
        for leftover in self._partial.iterdir():
            leftover.unlink()

    def path(self, sha256: str) -> Path:
        """Where the file with this hash is."""
        return self._blobs / sha256

    async def find(self, model_uuid: str, version: Binary) -> Row[Any] | None:
        """What the cache holds of a version for a model: the row, or None.

        A file that was damaged on disk counts as not there, so that it is fetched again.
        """
        row = await self._store.read(lambda db: binaries.find(db, model_uuid, str(version)))
        if row is None:
            return None
        if not await asyncio.to_thread(self._is_sound, row.sha256):
            logger.error("%s is in the catalogue, but its file %s is gone or damaged", version, row.sha256)
            return None
        return row

    async def ensure(self, model_uuid: str, version: Binary) -> Row[Any]:
        """The row of a version that is in the cache, fetched from the internet if need be.

        Raises:
            VerificationError: It is not here and cannot be had; the message says why.
        """
        row = await self.find(model_uuid, version)
        if row is not None:
            return row
        key = str(version)
        fetch = self._fetches.get(key)
        if fetch is None:
            logger.info("%s agent binaries not found locally, fetching", version)
            fetch = asyncio.get_running_loop().create_task(self._fetch_missing(model_uuid, version))
            self._fetches[key] = fetch
            fetch.add_done_callback(lambda _: self._fetches.pop(key, None))
        # One client that goes away must not end the fetch for the others.
        await asyncio.shield(fetch)
        row = await self.find(model_uuid, version)
        if row is None:
            raise VerificationError(f"{version} was fetched and is gone again")
        return row

    async def offer(self, model_uuid: str, version: Binary, stream: str = "") -> Offer | None:
        """Where the internet has a version, by the streams that the model (or ``stream``) means; None if nowhere."""
        for max_age in (FRESH_SECONDS, AGAIN_SECONDS):
            offers = await candidates(
                self._store, self._internet, model_uuid, stream=stream, wanted=version.number, max_age=max_age
            )
            for offer in offers:
                if offer.item.binary == version:
                    return offer
        return None

    async def add(
        self, model_uuid: str, version: Binary, pieces: AsyncIterator[bytes], source: str, *, looked_at: bool = True
    ) -> Row[Any]:
        """Takes in a binary that somebody uploads, or, not looked at, one that was verified before.

        Raises:
            VerificationError: It is empty or too long, or no archive that an agent would unpack.
            JujulabError: There is no room for it.
        """
        sha256, size = await self._store_pieces(pieces, DEFAULT_LIMITS.binary_bytes, source, looked_at=looked_at)
        await self._store.write(lambda tx: binaries.add(tx, model_uuid, str(version), sha256, size, source))
        row = await self.find(model_uuid, version)
        if row is None:
            raise VerificationError(f"{version} was uploaded and is gone again")
        return row

    async def alias(self, model_uuid: str, version: Binary, row: Row[Any]) -> None:
        """Enters the same file under another series."""
        await self._store.write(lambda tx: binaries.add(tx, model_uuid, str(version), row.sha256, row.size, row.source))

    async def close(self) -> None:
        """Gives up fetches that are under way."""
        fetches = list(self._fetches.values())
        for fetch in fetches:
            fetch.cancel()
        await asyncio.gather(*fetches, return_exceptions=True)
        await self._internet.close()

    async def _fetch_missing(self, model_uuid: str, version: Binary) -> None:
        # Whoever asked for this may have looked before an earlier fetch ended, and heard of it only after.
        if await self.find(model_uuid, version) is None:
            await self._fetch(model_uuid, version)

    async def _fetch(self, model_uuid: str, version: Binary) -> None:
        offer = await self.offer(model_uuid, version)
        if offer is None:
            raise VerificationError("no matching agent binaries available")
        item = offer.item
        logger.info("fetching %s agent binaries from %s", version, offer.url)
        self._reach("fetch-begun")
        config = await self._store.read(lambda db: download_config(db, model_uuid))
        transfer = await self._internet.transfer()
        async with transfer.pieces(offer.url, config, BINARY_PATIENCE, item.size) as pieces:
            sha256, size = await self._store_pieces(pieces, item.size, offer.url, item.sha256)
        self._reach("fetch-stored")
        shared = (await self._store.read(models.the_controller)).model_uuid
        await self._store.write(lambda tx: binaries.add(tx, shared, str(version), sha256, size, offer.url))
        self._reach("fetch-entered")

    def _is_sound(self, sha256: str) -> bool:
        """Whether a file holds what its name says; it is read again only when it was changed."""
        path = self.path(sha256)
        try:
            stat = path.stat()
            sound = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
            if self._sound.get(sha256) == sound:
                return True
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                    return False
        except OSError:
            return False
        self._sound[sha256] = sound
        return True

    async def _store_pieces(
        self, pieces: AsyncIterator[bytes], limit: int, source: str, expected: str = "", *, looked_at: bool = False
    ) -> tuple[str, int]:
        try:
            return await self._store_all(pieces, limit, source, expected, looked_at=looked_at)
        except OSError as error:
            if isinstance(error, JujulabError):
                raise
            raise JujulabError(f"cannot store {source}: {error.strerror or error}") from error

    async def _store_all(
        self, pieces: AsyncIterator[bytes], limit: int, source: str, expected: str, *, looked_at: bool
    ) -> tuple[str, int]:
        digest = hashlib.sha256()
        size = 0
        descriptor, name = tempfile.mkstemp(dir=self._partial)
        partial = Path(name)
        loop = asyncio.get_running_loop()
        try:
            with os.fdopen(descriptor, "wb") as file:
                async for piece in pieces:
                    size += len(piece)
                    if size > limit:
                        raise VerificationError(f"size mismatch for {source}")
                    await loop.run_in_executor(None, _write, file, digest, piece)
                sha256 = digest.hexdigest()
                if expected and size != limit:
                    raise VerificationError(f"size mismatch for {source}")
                if expected and sha256 != expected:
                    raise VerificationError(f"hash mismatch for {source}")
                if looked_at and not size:
                    raise VerificationError("no agent binaries uploaded")
                await loop.run_in_executor(None, _sync, file)
            if looked_at:
                await loop.run_in_executor(None, _check_archive, partial)
            if expected:
                self._reach("fetch-verified")
            partial.replace(self.path(sha256))
            await loop.run_in_executor(None, _sync_directory, self._blobs)
        finally:
            with contextlib.suppress(FileNotFoundError):
                partial.unlink()
        return sha256, size


def _write(file: BinaryIO, digest: hashlib._Hash, piece: bytes) -> None:
    digest.update(piece)
    file.write(piece)


def _check_archive(path: Path) -> None:
    with path.open("rb") as file:
        archive.check(file)


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
