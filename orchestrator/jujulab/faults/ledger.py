"""The ledger of a lab's faults: files in the file system of the streams container.

Docker reads and writes them whether the container runs or not, they outlive a stop of the lab, and they go when the lab
is removed.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

from docker.models.containers import Container

from jujulab.faults.files import read_file, remove_file, write_file
from jujulab.faults.model import Record, UnknownFaultError
from jujulab.lab import names
from jujulab.lab.engine import Engine
from jujulab.store import Store
from jujulab_core.errors import JujulabError
from jujulab_core.waiting import Deadline, wait_for

PATH = PurePosixPath("/var/lib/jujulab/faults.json")
# The slowest fault takes a few seconds for each of its targets.
_LOCK_SECONDS = 120.0


class Ledger:
    """The faults of one lab."""

    def __init__(self, engine: Engine, lab: str) -> None:
        """Finds where they are written.

        Raises:
            JujulabError: There is no such lab.
        """
        container = engine.find(names.container(lab, names.STREAMS))
        if container is None:
            raise JujulabError(f'there is no lab "{lab}"', next_step="see what there is with `jujulab labs`")
        self._container: Container = container
        self._lab = lab

    @contextmanager
    def locked(self) -> Iterator[Ledger]:
        """Keeps other processes of this user from making and mending at the same time.

        Raises:
            DeadlineError: One of them has been at it for too long.
        """
        deadline = Deadline(_LOCK_SECONDS, "see what other `jujulab` processes do")
        with (Store.default().lab_dir(self._lab) / "faults.lock").open("w") as lock:

            def probe() -> tuple[bool | None, str]:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return None, "another process that makes or mends faults of this lab"
                return True, ""

            wait_for(probe, deadline, 0.05)
            yield self

    def records(self) -> list[Record]:
        """All faults in force, oldest first."""
        text = read_file(self._container, PATH)
        return [Record.from_json(entry) for entry in json.loads(text)] if text else []

    def find(self, number: int) -> Record:
        """One fault.

        Raises:
            UnknownFaultError: There is none of this number.
        """
        for record in self.records():
            if record.id == number:
                return record
        raise UnknownFaultError(f"there is no fault {number}", next_step="see what there is with `jujulab faults`")

    def next_id(self) -> int:
        """A number that no fault has."""
        return max((record.id for record in self.records()), default=0) + 1

    def keep(self, record: Record) -> None:
        """Writes a fault down, in place of what was there under its number."""
        others = [entry for entry in self.records() if entry.id != record.id]
        self._write(sorted([*others, record], key=lambda entry: entry.id))

    def forget(self, record: Record) -> None:
        """Strikes a fault out."""
        self._write([entry for entry in self.records() if entry.id != record.id])

    def _write(self, records: list[Record]) -> None:
        if records:
            text = json.dumps([record.to_json() for record in records], indent=1)
            write_file(self._container, PATH, text.encode())
        else:
            remove_file(self._container, PATH)
