"""``backups``."""

from __future__ import annotations

from typing import Any

from jujulab.cli import output
from jujulab.cli.context import talk
from jujulab.cli.framework import juju_command
from jujulab.cli.options import format_option, model_option
from jujulab_core.errors import JujulabError

# Not the certificate; and the key of a lab's CA is in no backup.
_KEYS = (
    *("id", "filename", "checksum", "checksum-format", "size", "stored", "started", "finished", "notes"),
    *("model", "machine", "hostname", "version", "series"),
)


@juju_command(
    examples=[
        ("Those that are kept on the controller:", "jujulab backups -m aws:controller"),
        ("With all that is known about them:", "jujulab backups -m controller --verbose"),
    ],
    see_also=["create-backup", "download-backup", "restore-backup"],
    aliases=["list-backups"],
)
@model_option
@format_option()
def command(model: str | None, output_format: str) -> None:
    """List the backups that are kept on the controller.

    The controller model must be in focus.
    """
    from jujulab.cli.backupfiles import facade_version
    from jujulab.session import connect_model

    with connect_model(model) as session:
        version = facade_version(session)
        if version > 2:
            raise JujulabError(
                "controllers from 3.0 on do not list backups", next_step="download each one when it is made"
            )
        found = session.model_client().call("Backups", "List", version=version)["list"]
    if not found and output_format == "tabular":
        output.info("No backups to display.")
    trees = [{key: metadata[key] for key in _KEYS} for metadata in found]
    output.emit(trees, output_format, lambda: _text(found))


def _text(found: list[dict[str, Any]]) -> str:
    if talk().verbose:
        return "\n\n".join(described(metadata) for metadata in found)
    return "\n".join(metadata["id"] for metadata in found)


def described(metadata: dict[str, Any]) -> str:
    """All about one backup, a line each."""
    rows = {
        "backup ID": metadata["id"],
        "checksum": metadata["checksum"],
        "checksum format": metadata["checksum-format"],
        "size (B)": metadata["size"],
        "stored": metadata["stored"],
        "started": metadata["started"],
        "finished": metadata["finished"],
        "notes": metadata["notes"],
        "model ID": metadata["model"],
        "machine ID": metadata["machine"],
        "created on host": metadata["hostname"],
        "juju version": metadata["version"],
    }
    return "\n".join(f"{name + ':':<17}{value}".rstrip() for name, value in rows.items())
