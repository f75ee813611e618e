"""The ledger of a lab's faults: files in the file system of the streams container.

Docker reads and writes them whether the container runs or not, they outlive a stop of the lab, and they go when the lab
is removed.
"""

from __future__ import annotations

import json
from pathlib import PurePosixPath

from docker.models.containers import Container

from jujulab.faults.files import read_file, remove_file, write_file
from jujulab.faults.model import Record, UnknownFaultError
from jujulab.lab import names
from jujulab.lab.engine import Engine
from jujulab_core.errors import JujulabError

PATH = PurePosixPath("/var/lib/jujulab/faults.json")


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
