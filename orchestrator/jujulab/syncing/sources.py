"""Where agent binaries are copied from: the lab's internet, or a directory."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from jujulab_core.errors import JujulabError, VerificationError
from jujulab_core.layout import STREAMS_URL
from jujulab_core.looking import Look, NothingThereError, Offer, Terms
from jujulab_core.rpc.channel import tls_context
from jujulab_core.rules.metadata import Policy, Source

PIECE_BYTES = 256 * 1024
_SECONDS = 30.0


class Place(Protocol):
    """A place with simplestreams and agent binaries.

    Attributes:
        source: How it is called and how far it is trusted.
    """

    source: Source

    def read(self, path: str) -> Iterator[bytes]:
        """A file below the base address, piece by piece.

        Raises:
            FileNotFoundError: There is none.
            JujulabError: It could not be read.
        """
        ...


class Directory:
    """A directory with a tree ``tools`` in it, as ``--local-dir`` makes it; the user's own, so it may be unsigned."""

    def __init__(self, directory: Path) -> None:
        self._tools = directory / "tools"
        if not self._tools.is_dir():
            raise JujulabError(
                f"{self._tools} is not a directory",
                next_step="name a directory that `jujulab sync-agent-binaries --local-dir DIR` has filled",
            )
        self.source = Source("local source", self._tools.resolve().as_uri(), may_be_unsigned=True)

    def read(self, path: str) -> Iterator[bytes]:
        """A file of the tree."""
        try:
            with (self._tools / path).open("rb") as file:
                while piece := file.read(PIECE_BYTES):
                    yield piece
        except FileNotFoundError:
            raise
        except OSError as error:
            raise JujulabError(f"cannot read {self._tools / path}: {error.strerror or error}") from error


class LabInternet:
    """The server that plays the internet, reached from this host over TLS under its real name."""

    def __init__(self, address: str, ca_cert: str) -> None:
        """Connects to nothing yet.

        Args:
            address: Where this host reaches the server.
            ca_cert: The lab's CA, in PEM.
        """
        self._address = address
        self._context = tls_context(ca_cert)
        self.source = Source("default simplestreams", STREAMS_URL, may_be_unsigned=False)

    def read(self, path: str) -> Iterator[bytes]:
        """A file, by a request of its own."""
        url = f"{self.source.url}/{path}"
        connection = http.client.HTTPConnection(urlsplit(url).hostname or "", 443)
        try:
            connection.sock = self._dial(urlsplit(url).hostname or "")
            connection.request("GET", urlsplit(url).path)
            response = connection.getresponse()
            if response.status == http.HTTPStatus.NOT_FOUND:
                raise FileNotFoundError(url)
            if response.status != http.HTTPStatus.OK:
                raise JujulabError(f"cannot read {url}: HTTP {response.status} {response.reason}")
            while piece := response.read(PIECE_BYTES):
                yield piece
        except FileNotFoundError:
            raise
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, JujulabError):
                raise
            raise JujulabError(f"cannot read {url}: {error}") from error
        finally:
            connection.close()

    def _dial(self, name: str) -> ssl.SSLSocket:
        raw = socket.create_connection((self._address, 443), _SECONDS)
        try:
            return self._context.wrap_socket(raw, server_hostname=name)
        except BaseException:
            raw.close()
            raise


def offers(place: Place, keys: str, stream: str) -> list[Offer]:
    """What a place offers; what must be signed there is checked against these armoured keys.

    Raises:
        JujulabError: It cannot be read or is not believed in this stream; what is wrong with others does not matter.
    """
    look = Look(place.source, Terms(keys, Policy(unsigned=place.source.may_be_unsigned), datetime.now(UTC)))
    try:
        wanted = look.step()
        while wanted is not None:
            wanted = look.step(_whole(place, wanted.path, wanted.limit))
    except NothingThereError:
        raise JujulabError("no agent binaries available") from None
    if stream in look.failures:
        raise look.failures[stream]
    return look.offers


def _whole(place: Place, path: str, limit: int) -> bytes | None:
    data = bytearray()
    try:
        for piece in place.read(path):
            data += piece
            if len(data) > limit:
                raise VerificationError(f"{place.source.url}/{path} is longer than {limit} bytes")
    except FileNotFoundError:
        return None
    return bytes(data)
