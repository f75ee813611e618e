"""The tree that the lab's internet serves: tarballs, indices and products files, signed and unsigned.

Every file is replaced whole, in the order tarballs, products, indices, so that whoever reads along meets
what an index promises. One lock keeps two publishers apart.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from jujulab_agent.builder.signing import Signer
from jujulab_core.errors import DeadlineError, JujulabError
from jujulab_core.simplestreams import (
    INDEX_PATH,
    INDEX_PATHS,
    Item,
    documents,
    item_path,
    parse_index,
    parse_products,
)
from jujulab_core.version import Binary

LOCK_SECONDS = 120.0
# How long the indices are to be believed: whoever replays an old one is found out by then at the latest.
VALIDITY = timedelta(days=30)

Streams = dict[str, list[Item]]


class Tree:
    """What is published below one directory."""

    def __init__(self, root: Path) -> None:
        """Looks at nothing yet.

        Args:
            root: Such as ``/srv/streams``; the tree is ``juju/tools`` below it, the key beside.
        """
        self.signer = Signer(root / ".gnupg")
        self._tools = root / "juju" / "tools"
        self._index = self._tools / INDEX_PATH
        self._lock = root / ".publish.lock"

    def init(self, user_id: str) -> str:
        """Makes the signing key on first use and renews indices that will soon expire.

        Returns:
            The public key, ASCII-armoured.
        """
        with self._locked():
            if not self.signer.has_key:
                self.signer.make_key(user_id)
            now = datetime.now(UTC)
            if self._index.exists():
                expires = parse_index(self._index.read_bytes()).expires
                if expires is None or expires < now + VALIDITY / 2:
                    self._write_documents(self.published(), now)
            return self.signer.public_key()

    def restamp(self, updated: datetime, *, signed: bool = True) -> None:
        """Writes the indices anew, offering the same.

        Args:
            updated: The time that they carry; one in the past makes them look like old ones.
            signed: Whether signed ones are there as well.

        Raises:
            JujulabError: There is no signing key.
        """
        with self._locked():
            self._need_key()
            self._write_documents(self.published(), updated, signed=signed)

    def published(self) -> Streams:
        """What each stream offers."""
        streams: Streams = {}
        if not self._index.exists():
            return streams
        for entry in parse_index(self._index.read_bytes()).entries:
            items = parse_products((self._tools / entry.path).read_bytes(), entry.content_id)
            streams.setdefault(entry.stream, []).extend(items)
        return streams

    def publish(self, stream: str, tarballs: Mapping[Binary, bytes], updated: datetime) -> list[Item]:
        """Adds tarballs to a stream; one that is there already is replaced.

        From Juju 2.9 on the streams share their tarballs, so replacing one there changes what all of them offer.

        Args:
            stream: Such as ``released``.
            tarballs: What to publish.
            updated: The time that the new indices carry.

        Returns:
            What the stream now offers for these binaries.

        Raises:
            JujulabError: There is no signing key, or what is published is damaged.
        """
        new = {}
        for binary, content in tarballs.items():
            path = item_path(stream, binary)
            new[path] = Item(binary, path, len(content), hashlib.sha256(content).hexdigest())
        with self._locked():
            self._need_key()
            streams = self.published()
            for items in streams.values():
                items[:] = [new.get(item.path, item) for item in items]
            there = streams.setdefault(stream, [])
            there += [item for item in new.values() if item not in there]
            for binary, content in tarballs.items():
                self._write(item_path(stream, binary), content)
            self._write_documents(streams, updated)
        return list(new.values())

    def _need_key(self) -> None:
        if not self.signer.has_key:
            raise JujulabError("the streams have no signing key", next_step="run jujulab-publish init --url URL")

    def _write_documents(self, streams: Streams, updated: datetime, *, signed: bool = True) -> None:
        texts = documents(streams, updated, updated + VALIDITY)
        # Indices last: they must not name what is not there yet.
        for path in sorted(texts, key=lambda path: (path in INDEX_PATHS, path)):
            signed_path = path.removesuffix(".json") + ".sjson"
            if signed:
                # A signed index leads to signed products.
                text = texts[path].replace('.json"', '.sjson"') if path in INDEX_PATHS else texts[path]
                self._write(signed_path, self.signer.clear_sign(text).encode())
            else:
                (self._tools / signed_path).unlink(missing_ok=True)
            self._write(path, texts[path].encode())

    def _write(self, path: str, content: bytes) -> None:
        target = self._tools / path
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.new")
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        deadline = time.monotonic() + LOCK_SECONDS
        pause = threading.Event()
        self._tools.mkdir(parents=True, exist_ok=True)
        with self._lock.open("a") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise DeadlineError(
                            f"another publisher has been at work for more than {LOCK_SECONDS:g} s"
                        ) from None
                    pause.wait(0.05)
            try:
                yield
            finally:
                self.signer.close()
