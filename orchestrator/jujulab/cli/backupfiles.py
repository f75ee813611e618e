"""Backup archives on their way between a controller and this host (the wire compatibility notes, section 2)."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from jujulab.session import DIAL_SECONDS, Session
from jujulab_core.errors import ConnectionLost, JujulabError, RpcError, UsageError, VerificationError
from jujulab_core.rpc.channel import dial, tls_context
from jujulab_core.version import Number

# Between two pieces, not for the whole.
STALL_SECONDS = 60.0
# Making or unpacking an archive; a controller with a large cache of agent binaries takes its time.
WORK_SECONDS = 600.0
_PIECE = 256 * 1024


def facade_version(session: Session) -> int:
    """The version of ``Backups`` to use: 2, which also lists and keeps, unless the controller has only 3."""
    return 3 if server_version(session) >= Number(3, 0) else 2


def server_version(session: Session) -> Number:
    """The version that the controller runs."""
    login = session.model_client().login
    return Number.parse(login.server_version) if login else Number(0, 0)


def file_name(metadata: Mapping[str, Any]) -> str:
    """What an archive is called on this host: ``juju-backup-YYYYMMDD-HHMMSS.tar.gz``."""
    stamp = str(metadata["id"]).partition(".")[0]
    return Path(f"juju-backup-{stamp}.tar.gz").name


def download(session: Session, wanted: str, target: Path) -> None:
    """Fetches an archive and puts it in place when it is complete and has the controller's checksum.

    Args:
        session: With the controller model in focus.
        wanted: The backup's ID or file name.
        target: The file to make, readable by its owner only: an archive holds the controller's secrets.

    Raises:
        RpcError: The controller refused.
        VerificationError: What came is not what was sent.
        ConnectionLost: The controller does not answer, or stopped answering.
        JujulabError: The file cannot be written.
    """
    body = json.dumps({"id": wanted}).encode()
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")  # mode 0600
    except OSError as error:
        raise JujulabError(f"cannot write {target}: {error.strerror}") from error
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as file, _exchange(session, "GET", body) as answer:
            digest = hashlib.sha1(usedforsecurity=False)
            while piece := answer.read(_PIECE):
                digest.update(piece)
                file.write(piece)
            expected = (answer.headers.get("Digest") or "").removeprefix("SHA=")
        if base64.b64encode(digest.digest()).decode() != expected:
            raise VerificationError(f"the archive of backup {wanted} arrived damaged", next_step="download it again")
        partial.replace(target)
    except OSError as error:
        if isinstance(error, JujulabError):
            raise
        raise JujulabError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)


def upload(session: Session, model_uuid: str, source: Path) -> str:
    """Sends an archive to the controller, which keeps it; returns the backup's ID.

    Raises:
        RpcError: The controller refused.
        ConnectionLost: The controller does not answer, or stopped answering.
        UsageError: The file cannot be read.
    """
    try:
        file = source.open("rb")
    except OSError as error:
        raise UsageError(f"cannot read {source}: {error.strerror}") from error
    with file, _exchange(session, "PUT", file, model_uuid) as answer:
        return str(json.load(answer)["id"])


@contextmanager
def _exchange(
    session: Session, method: str, body: bytes | IO[bytes], model_uuid: str = ""
) -> Iterator[http.client.HTTPResponse]:
    """One request and its answer; errors of either side become the client's own."""
    uuid = model_uuid or session.model().uuid
    login = base64.b64encode(f"{session.user_tag}:{session.account.password}".encode()).decode()
    headers = {
        "Authorization": f"Basic {login}",
        "Content-Type": "application/json" if method == "GET" else "application/octet-stream",
    }
    if not isinstance(body, bytes):
        headers["Content-Length"] = str(os.fstat(body.fileno()).st_size)
    connection = http.client.HTTPConnection("juju-apiserver")
    connection.auto_open = 0
    connection.sock = dial(session.client.address, tls_context(session.controller.ca_cert), DIAL_SECONDS)
    connection.sock.settimeout(STALL_SECONDS)
    try:
        connection.request(method, f"/model/{uuid}/backups", body, headers)
        connection.sock.settimeout(WORK_SECONDS)
        answer = connection.getresponse()
        connection.sock.settimeout(STALL_SECONDS)
        if answer.status != 200:
            raise _refused(answer)
        yield answer
    except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
        if isinstance(error, JujulabError):
            raise
        raise ConnectionLost(
            f"the transfer of the backup archive broke off: {error or type(error).__name__}"
        ) from error
    finally:
        connection.close()


def _refused(answer: http.client.HTTPResponse) -> RpcError:
    try:
        content = json.load(answer)
        return RpcError(str(content["message"]), str(content.get("code") or ""))
    except (ValueError, KeyError, TypeError):
        return RpcError(f"bad HTTP response: {answer.status} {answer.reason}")
