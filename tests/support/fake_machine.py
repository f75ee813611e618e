"""A machine in miniature for faults: its files, and services that systemd would run; with what was done, in order."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field

from docker.errors import NotFound

from jujulab.faults.model import Json, Scene


@dataclass
class FakeMachine:
    """Stands in for the container and the engine that has it.

    Attributes:
        files: What is where.
        state: The ``ActiveState`` of every service.
        did: Files written and commands run, and what was noted.
    """

    files: dict[str, bytes]
    state: str = "active"
    name: str = "machine"
    status: str = "running"
    did: list[str] = field(default_factory=list)
    noted: Json = field(default_factory=dict)

    @property
    def scene(self) -> Scene:
        """A lab that has this machine only."""
        return Scene(self, "demo")  # type: ignore[arg-type]

    def keep(self, state: Json) -> None:
        """What is noted in the ledger."""
        self.did.append("note")
        self.noted = state

    def find(self, _name: str) -> FakeMachine:
        return self

    def reload(self) -> None:
        pass

    def get_archive(self, path: str) -> tuple[Iterator[bytes], None]:
        if path not in self.files:
            raise NotFound(path)
        return iter([_tar(path, self.files[path])]), None

    def put_archive(self, _root: str, data: bytes) -> None:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive.getmembers():
                self.did.append(f"write /{member.name}")
                self.files[f"/{member.name}"] = archive.extractfile(member).read()  # type: ignore[union-attr]

    def exec_run(self, words: list[str]) -> None:
        self.did.append(" ".join(words))
        self.files.pop(words[-1], None)

    def run_in(self, _container: FakeMachine, words: list[str]) -> str:
        if words[:2] == ["systemctl", "show"]:
            return f"{self.state}\n"
        for line in words[-1].splitlines():
            self.did.append(line)
            if line.startswith("systemctl restart"):
                self.state = "active"
        return ""


def _tar(path: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo(path.rpartition("/")[2])
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()
