"""Where agent binaries are copied to: a model's storage on its controller, or a directory."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Protocol
from urllib.parse import urlencode

from jujulab.session import Session
from jujulab_core.errors import ConnectionLost, JujulabError, RpcError
from jujulab_core.looking import Offer
from jujulab_core.rpc.channel import dial, tls_context
from jujulab_core.rules.facts import BLOCKED
from jujulab_core.simplestreams import (
    DEFAULT_LIMITS,
    INDEX_PATH,
    Item,
    documents,
    item_path,
    parse_index,
    parse_products,
)
from jujulab_core.version import Binary

_CONNECT_SECONDS = 10.0
_ANSWER_SECONDS = 300.0


class Target(Protocol):
    """Takes copies of agent binaries.

    Attributes:
        description: What the log calls it.
    """

    description: str

    def stored(self) -> set[Binary]:
        """What is there already."""
        ...

    def put(self, offer: Offer, content: IO[bytes]) -> None:
        """Takes one binary whose content was verified."""
        ...

    def finish(self) -> None:
        """Called when all are there."""
        ...


class Model:
    """A model's storage; binaries are uploaded by ``POST /model/UUID/tools`` (section I.1)."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._model = session.model()
        self.description = "model"

    def stored(self) -> set[Binary]:
        """What the model can have without the internet."""
        answer = self._session.model_client().call("LabBinaries", "Stored")
        return {Binary.parse(entry["version"]) for entry in answer["binaries"]}

    def put(self, offer: Offer, content: IO[bytes]) -> None:
        """Uploads one.

        Raises:
            RpcError: The controller refused it; in its words.
            JujulabError: It failed in another way.
        """
        binary = offer.item.binary
        query = urlencode({"binaryVersion": str(binary), "series": binary.series})
        account = self._session.account
        token = base64.b64encode(f"user-{account.user}:{account.password}".encode()).decode()
        headers = {
            "Authorization": f"Basic {token}",
            "Content-Type": "application/x-tar-gz",
            "Content-Length": str(offer.item.size),
        }
        connection = http.client.HTTPConnection("juju-apiserver")
        try:
            connection.sock = self._dial()
            connection.request("POST", f"/model/{self._model.uuid}/tools?{query}", body=content, headers=headers)
            response = connection.getresponse()
            answer = response.read(65536)
        except (OSError, http.client.HTTPException) as error:
            raise ConnectionLost(f"cannot upload {binary}: {error}") from error
        finally:
            connection.close()
        if response.status != http.HTTPStatus.OK:
            raise _refusal(binary, answer, response.reason)

    def finish(self) -> None:
        """Each upload is complete by itself."""

    def _dial(self) -> object:
        lost = ConnectionLost("this controller has no address")
        for endpoint in self._session.controller.endpoints:
            try:
                connection = dial(endpoint, tls_context(self._session.controller.ca_cert), _CONNECT_SECONDS)
            except ConnectionLost as error:
                lost = error
                continue
            connection.settimeout(_ANSWER_SECONDS)
            return connection
        raise lost


class Directory:
    """A tree below a directory, in the layout that mirrors serve (section I.2); its metadata is not signed."""

    def __init__(self, directory: Path, stream: str, *, public: bool) -> None:
        """Looks at nothing yet.

        Args:
            directory: The tree is made below ``tools`` in it.
            stream: What the binaries are offered in.
            public: Whether everybody on this host may read it.
        """
        self._tools = directory / "tools"
        self._stream = stream
        self._public = public
        self._items: dict[str, list[Item]] = {}
        self.description = str(directory)

    def stored(self) -> set[Binary]:
        """What the tree offers in this stream."""
        self._items = {}
        try:
            index = parse_index((self._tools / INDEX_PATH).read_bytes())
        except FileNotFoundError:
            return set()
        for entry in index.entries:
            text = (self._tools / entry.path).read_bytes()
            self._items.setdefault(entry.stream, []).extend(parse_products(text, entry.content_id))
        return {item.binary for item in self._items.get(self._stream, ())}

    def put(self, offer: Offer, content: IO[bytes]) -> None:
        """Writes one, whole or not at all."""
        path = item_path(self._stream, offer.item.binary)
        self._write(path, iter(lambda: content.read(DEFAULT_LIMITS.index_bytes), b""))
        items = self._items.setdefault(self._stream, [])
        items[:] = [item for item in items if item.path != path]
        items.append(Item(offer.item.binary, path, offer.item.size, offer.item.sha256))

    def finish(self) -> None:
        """Writes the metadata: products first, so that no index names what is not there."""
        texts = documents(self._items, datetime.now(UTC))
        for path in sorted(texts, key=lambda path: ("index" in Path(path).name, path)):
            self._write(path, [texts[path].encode()])

    def _write(self, path: str, pieces: Iterable[bytes]) -> None:
        target = self._tools / path
        try:
            for directory in reversed([target.parent, *target.parent.parents]):
                if not directory.exists():
                    directory.mkdir(mode=0o755 if self._public else 0o700)
            temporary = target.with_name(f".{target.name}.new")
            try:
                with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                    for piece in pieces:
                        file.write(piece)
                    os.fchmod(file.fileno(), 0o644 if self._public else 0o600)
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(target)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    temporary.unlink()
        except OSError as error:
            raise JujulabError(f"cannot write {target}: {error.strerror or error}") from error


def verified(offer: Offer, pieces: Iterable[bytes], file: IO[bytes]) -> None:
    """Copies a binary into a file and checks it on the way.

    Raises:
        JujulabError: It is not what the metadata promised; in Juju's words.
    """
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        size += len(piece)
        if size > offer.item.size:
            break
        digest.update(piece)
        file.write(piece)
    if size != offer.item.size:
        raise JujulabError(f"size mismatch for {offer.url}: {size} bytes or more, expected {offer.item.size}")
    if digest.hexdigest() != offer.item.sha256:
        raise JujulabError(f"SHA-256 hash mismatch ({digest.hexdigest()}/{offer.item.sha256})")
    file.seek(0)


def _refusal(binary: Binary, answer: bytes, otherwise: str) -> JujulabError:
    try:
        error = json.loads(answer)["error"]
        message, code = str(error["message"]), str(error.get("code") or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return JujulabError(f"cannot upload {binary}: {otherwise}")
    # A block is the model's and says nothing of the binary.
    return RpcError(message if code == BLOCKED else f"cannot upload {binary}: {message}", code)
