"""What a backup is, and when it may be restored: rules without I/O.

Source: the Juju upgrade specification, section J.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from jujulab_core.errors import RpcError
from jujulab_core.version import Number

CHECKSUM_FORMAT = "SHA-1, base64 encoded"
NEVER = "0001-01-01T00:00:00Z"
NOT_HERE = "backups are only supported from the controller model\nUse juju switch to select the controller model"
NOT_THE_CONTROLLER_MODEL = "requested model is not the controller model"
# Juju's words for whoever calls while a restore replaces the state.
RESTORING = "juju restore is in progress - API is disabled to prevent data loss"

_FILE_RE = re.compile(r"juju-backup-\d{8}-\d{6}\.tar\.gz")


@dataclass(frozen=True)
class Metadata:
    """What is known about a backup.

    Attributes:
        id: ``YYYYMMDD-HHMMSS.MODELUUID``.
        started: When its making began; RFC 3339, as all times here.
        finished: When it was complete.
        notes: What its maker wrote.
        model: The UUID of the controller model.
        machine: The id of the machine it was made on.
        hostname: That machine's name.
        version: The version that the controller ran.
        series: The machine's series.
        ca_cert: The CA's certificate, in PEM.
        checksum: Of the archive; unknown (empty) within the archive itself.
        size: Of the archive, in bytes; as the checksum.
        stored: When a copy was stored on the controller; empty if none was.
    """

    id: str
    started: str
    finished: str
    notes: str
    model: str
    machine: str
    hostname: str
    version: str
    series: str
    ca_cert: str
    checksum: str = ""
    size: int = 0
    stored: str = ""

    @property
    def file_name(self) -> str:
        """The archive's name: ``juju-backup-YYYYMMDD-HHMMSS.tar.gz``."""
        return f"juju-backup-{self.id.partition('.')[0]}.tar.gz"

    def to_json(self) -> dict[str, Any]:
        """The content of ``metadata.json``.

        The CA's private key is not there: it never leaves the operator's host, and a restore does not need it.
        """
        return {
            "ID": self.id,
            "Checksum": self.checksum,
            "ChecksumFormat": CHECKSUM_FORMAT,
            "Size": self.size,
            "Stored": self.stored or NEVER,
            "Started": self.started,
            "Finished": self.finished,
            "Notes": self.notes,
            "Environment": self.model,
            "Machine": self.machine,
            "Hostname": self.hostname,
            "Version": self.version,
            "Series": self.series,
            "CACert": self.ca_cert,
            "CAPrivateKey": "",
        }

    @classmethod
    def from_json(cls, content: Any) -> Metadata:
        """Reads ``metadata.json``.

        Raises:
            RpcError: It is not one.
        """
        keys = {
            "id": "ID",
            "started": "Started",
            "finished": "Finished",
            "notes": "Notes",
            "model": "Environment",
            "machine": "Machine",
            "hostname": "Hostname",
            "version": "Version",
            "series": "Series",
            "ca_cert": "CACert",
        }
        if not isinstance(content, dict):
            raise not_a_backup("its metadata is not a JSON object")
        wrong = [key for key in keys.values() if not isinstance(content.get(key), str)]
        if wrong:
            raise not_a_backup(f"its metadata has no {', '.join(wrong)}")
        made = cls(**{name: content[key] for name, key in keys.items()})
        if not _FILE_RE.fullmatch(made.file_name):
            raise not_a_backup(f"its ID is {made.id!r}")
        return made

    def to_wire(self) -> dict[str, Any]:
        """As the facade answers (the wire specification, section 13); what versions add is the facade's."""
        known = asdict(self)
        del known["ca_cert"], known["series"]
        return known | {
            "checksum-format": CHECKSUM_FORMAT,
            "stored": self.stored or NEVER,
            "filename": self.file_name,
        }


@dataclass(frozen=True)
class Here:
    """The controller that a backup is made on or restored into.

    Attributes:
        uuid: The controller's UUID.
        version: The version it runs.
        series: Its machine's series.
        controllers: How many controller machines it has.
        ready: How many of them work.
        schema: The newest database step it knows.
        machine: The number of its machine.
    """

    uuid: str
    version: Number
    series: str
    controllers: int
    ready: int
    schema: str
    machine: str


def make_id(started: datetime, model: str) -> str:
    """The ID of a backup that was begun at a moment (UTC)."""
    return f"{started:%Y%m%d-%H%M%S}.{model}"


def create_refusal(here: Here) -> str | None:
    """Why no backup can be made now."""
    if here.controllers > 1 and here.ready < here.controllers:
        return "HA not ready; try again later"
    return None


def restore_refusal(backup: Metadata, uuid: str, schema: str, machines: Collection[str], here: Here) -> str | None:
    """Why a backup cannot be restored here.

    Args:
        backup: The backup.
        uuid: The UUID of the controller in its database.
        schema: The newest database step that was run on it.
        machines: The numbers of the controllers in it.
        here: The controller.
    """
    if here.controllers > 1 and here.version < Number(2, 9):
        return (
            "unable to restore backup in HA configuration.  "
            "For help see https://docs.jujucharms.com/stable/controllers-backup"
        )
    if backup.series != here.series:
        return (
            f'cannot restore a backup made in a machine with series "{backup.series}" into a machine with series '
            f'"{here.series}", bootstrap a controller of the same series first'
        )
    # Only the major version: an older database under newer binaries is what Juju allows.
    if Number.parse(backup.version).major != here.version.major:
        return f"Juju version {here.version} cannot restore backups made using Juju version {backup.version}"
    if schema > here.schema:
        return f"the backup's database is newer (step {schema}) than this controller knows (step {here.schema})"
    # Juju would restore it without a word. Here nobody could log in any more: another CA, other passwords.
    if uuid != here.uuid:
        return f"the backup is of another controller ({uuid}) than this one ({here.uuid})"
    if here.machine not in machines:
        # Its own agent could not log in any more, and its container would be taken for a leftover.
        return (
            f"the backup is of the controllers on machines {', '.join(sorted(machines))}, "
            f"and this one is on machine {here.machine}: restore it on one of those"
        )
    return None


def not_a_backup(why: str) -> RpcError:
    """The archive cannot be used."""
    return RpcError(f"cannot read the backup archive: {why}", "bad request")
