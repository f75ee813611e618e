"""Files in a container by way of Docker alone: nothing has to run in it."""

from __future__ import annotations

import io
import tarfile
from pathlib import PurePosixPath

from docker.errors import NotFound
from docker.models.containers import Container

from jujulab.lab.engine import docker_errors


def read_file(container: Container, path: PurePosixPath) -> bytes:
    """What a file holds; nothing where there is none."""
    with docker_errors(f"read {path} in {container.name}"):
        try:
            stream, _ = container.get_archive(str(path))
        except NotFound:
            return b""
        buffer = io.BytesIO(b"".join(stream))
    with tarfile.open(fileobj=buffer) as archive:
        content = archive.extractfile(archive.getmembers()[0])
        return content.read() if content else b""


def write_file(container: Container, path: PurePosixPath, content: bytes, mode: int = 0o644) -> None:
    """Writes a file, and the directories on its way."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo(str(path).lstrip("/"))
        info.size, info.mode = len(content), mode
        archive.addfile(info, io.BytesIO(content))
    with docker_errors(f"write {path} in {container.name}"):
        container.put_archive("/", buffer.getvalue())


def remove_file(container: Container, path: PurePosixPath) -> None:
    """Removes a file where the container runs; else empties it, which is all that Docker can do to one that does not.

    Whatever faults make is harmless when it is empty.
    """
    container.reload()
    write_file(container, path, b"")
    if container.status == "running":
        with docker_errors(f"remove {path} in {container.name}"):
            container.exec_run(["rm", "-f", str(path)])
