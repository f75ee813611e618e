"""``backups``."""

from __future__ import annotations

from typing import Any

from jujulab.cli import output
from jujulab.cli.context import talk
from jujulab.cli.framework import juju_command
from jujulab.cli.options import model_option
from jujulab_core.errors import JujulabError


@juju_command(
    examples=[
        ("Those that are kept on the controller:", "jujulab backups -m aws:controller"),
        ("With all that is known about them:", "jujulab backups --verbose"),
    ],
    see_also=["create-backup", "download-backup", "restore-backup"],
    aliases=["list-backups"],
)
@model_option
def command(model: str | None) -> None:
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
    if not found:
        output.info("No backups to display.")
    elif talk().verbose:
        output.data("\n\n".join(described(metadata) for metadata in found))
    else:
        output.data("\n".join(metadata["id"] for metadata in found))


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
