"""Getting an agent binary onto the machine: download, verify, unpack, rename (section G.2).

Nothing is unpacked before its size and sha256 are those that the controller gave over the API. Unlike Juju,
which trusts the sha256 alone, the download's TLS connection is verified as well.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import ssl
import threading
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Any

from jujulab_agent.archive import unpack
from jujulab_agent.host import sync_directory, write_file
from jujulab_agent.logs import LOG
from jujulab_agent.space import check_free_space
from jujulab_core.boundary import reach
from jujulab_core.errors import ConnectionLost, JujulabError, VerificationError
from jujulab_core.layout import tools_dir
from jujulab_core.rpc.channel import dial
from jujulab_core.version import Binary

if TYPE_CHECKING:
    from http.client import HTTPResponse

CONNECT_SECONDS = 10.0
# The controller answers when it has fetched the binary from the internet itself, which may be slow.
READ_SECONDS = 300.0
CHUNK_BYTES = 256 * 1024
# What another process of this agent was at when it was killed has another name than what this one is at.
_MINE = os.urandom(4).hex()
_MODULE = "juju.worker.upgrader"


class CancelledError(JujulabError):
    """The download was given up, because something else is wanted."""


def is_complete(data_dir: str, binary: Binary) -> bool:
    """Whether the directory of this binary is there; such a directory only ever appears by a rename."""
    directory = tools_dir(data_dir, binary)
    try:
        with open(f"{directory}/downloaded-tools.txt", encoding="utf-8") as file:
            described = json.load(file)
    except (OSError, ValueError):
        return False
    named = isinstance(described, dict) and described.get("version") == str(binary)
    return named and os.access(f"{directory}/jujud", os.X_OK)


def remove_leftovers(data_dir: str) -> None:
    """Removes what a predecessor of this process was at when it was killed."""
    tools = f"{data_dir}/tools"
    for name in os.listdir(tools):
        if name.startswith(("unpacking-agent-", ".download-")) and f"-{_MINE}-" not in name:
            path = f"{tools}/{name}"
            if os.path.isdir(path):
                _remove(path)
            else:
                os.unlink(path)


class Fetch:
    """A binary's way onto this machine; :meth:`cancel` works from another thread at any time."""

    def __init__(self, data_dir: str, context: ssl.SSLContext) -> None:
        self._data_dir = data_dir
        self._context = context
        self._cancelled = threading.Event()
        self._socket: ssl.SSLSocket | None = None

    def cancel(self) -> None:
        """Makes :meth:`run` end with CancelledError."""
        self._cancelled.set()
        connection = self._socket
        if connection is not None:
            with contextlib.suppress(OSError):
                # Wakes a read that waits for bytes.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def run(self, binary: Binary, offers: Sequence[dict[str, Any]]) -> None:
        """Tries each offer in turn until one has made the directory.

        Args:
            binary: What is wanted.
            offers: At least one; what ``Upgrader.Tools`` answered: ``url``, ``sha256`` and ``size`` (bytes).

        Raises:
            NotEnoughSpaceError: In Juju's words.
            JujulabError: No offer led to a complete directory; the message is that of the last.
            CancelledError: :meth:`cancel` was called.
        """
        failure = JujulabError(f"nobody offers {binary}")
        for offer in offers:
            check_free_space(self._data_dir, os.environ.get("TMPDIR", "/tmp"))  # noqa: S108 - only looked at
            try:
                return self._try(binary, offer)
            except (JujulabError, OSError) as error:
                if self._cancelled.is_set():
                    raise CancelledError(f"the download of {binary} was given up") from error
                failure = JujulabError(f'failed to fetch agent binaries from "{offer["url"]}": {error}')
                LOG.debug(_MODULE, str(failure))
        raise failure

    def _try(self, binary: Binary, offer: dict[str, Any]) -> None:
        tools = f"{self._data_dir}/tools"
        LOG.info(_MODULE, f"fetching agent binaries from {offer['url']!r}")
        with _temporary_file(tools) as tarball:
            self._download(offer, tarball)
            reach(self._data_dir, "machine-agent/verified")
            tarball.seek(0)
            directory = _temporary_name(tools, "unpacking-agent")
            os.mkdir(directory, 0o755)
            try:
                try:
                    unpack(tarball, directory)
                except VerificationError as error:
                    raise VerificationError(f"cannot unpack agent binaries: {error}") from error
                reach(self._data_dir, "machine-agent/unpacked")
                self._finish(directory, binary, offer)
                reach(self._data_dir, "machine-agent/renamed")
            finally:
                _remove(directory)

    def _download(self, offer: dict[str, Any], tarball: IO[bytes]) -> None:
        size, digest = int(offer["size"]), hashlib.sha256()
        received = 0
        with contextlib.closing(self._get(offer["url"])) as response:
            reach(self._data_dir, "machine-agent/fetch-begun")
            while chunk := self._read(response):
                received += len(chunk)
                if received > size:
                    break
                digest.update(chunk)
                tarball.write(chunk)
        if received != size:
            at_least = "at least " if received > size else ""
            raise VerificationError(
                f"cannot unpack agent binaries: tarball size mismatch, expected {size}, got {at_least}{received}"
            )
        if digest.hexdigest() != offer["sha256"]:
            raise VerificationError(
                "cannot unpack agent binaries: tarball sha256 mismatch, "
                f"expected {offer['sha256']}, got {digest.hexdigest()}"
            )

    def _get(self, url: str) -> HTTPResponse:
        from http.client import HTTPConnection, HTTPException
        from urllib.parse import urlsplit

        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname:
            raise VerificationError(f'"{url}" is not an https address')
        port = parts.port or 443
        connection = HTTPConnection(parts.hostname, port)
        self._socket = dial(f"{parts.hostname}:{port}", self._context, CONNECT_SECONDS)
        self._socket.settimeout(READ_SECONDS)
        connection.sock = self._socket
        if self._cancelled.is_set():
            self.cancel()
        try:
            connection.request("GET", parts.path, headers={"Connection": "close"})
            response = connection.getresponse()
        except HTTPException as error:
            raise ConnectionLost(f"no HTTP answer: {type(error).__name__} {error}") from error
        if response.status != 200:
            raise JujulabError(f"bad HTTP response: {response.status} {response.reason}{_explanation(response)}")
        return response

    def _read(self, response: HTTPResponse) -> bytes:
        from http.client import HTTPException

        try:
            return response.read(CHUNK_BYTES)
        except HTTPException as error:
            raise ConnectionLost(f"the download broke off: {type(error).__name__}") from error

    def _finish(self, directory: str, binary: Binary, offer: dict[str, Any]) -> None:
        described = {key: offer[key] for key in ("version", "url", "sha256", "size")}
        write_file(f"{directory}/downloaded-tools.txt", json.dumps(described, separators=(",", ":")), 0o644)
        sync_directory(directory)
        target = tools_dir(self._data_dir, binary)
        if self._cancelled.is_set():
            raise CancelledError(f"{binary} is not wanted any more")
        if is_complete(self._data_dir, binary):
            return  # Another was faster; its copy stays.
        if os.path.lexists(target):
            # Damaged, by hand or by a bad disk: it makes room.
            damaged = _temporary_name(f"{self._data_dir}/tools", "unpacking-agent")
            os.rename(target, damaged)
            _remove(damaged)
        os.rename(directory, target)
        sync_directory(os.path.dirname(target))


def _explanation(response: HTTPResponse) -> str:
    """The reason that the controller gives in the body of a refusal."""
    try:
        error = json.loads(response.read(4096)).get("error", "")
    except (OSError, ValueError, AttributeError):
        return ""
    message = error.get("message", "") if isinstance(error, dict) else error
    return f": {message}" if message else ""


def _temporary_name(directory: str, kind: str) -> str:
    return f"{directory}/{kind}-{_MINE}-{os.urandom(4).hex()}"


def _temporary_file(directory: str) -> IO[bytes]:
    """A file without a name: whatever kills the agent, nothing is left behind."""
    path = _temporary_name(directory, ".download")
    file = open(path, "x+b")  # noqa: SIM115 - the caller closes it
    os.unlink(path)
    return file


def _remove(path: str) -> None:
    import shutil

    shutil.rmtree(path, ignore_errors=True)
