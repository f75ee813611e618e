"""``download-backup``."""

from __future__ import annotations

from pathlib import Path

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import model_option
from jujulab_core.errors import UsageError


@juju_command(
    examples=[
        ("One that is kept on the controller:", "jujulab download-backup -m controller 20260101-120000.UUID"),
        (
            "Into a file:",
            "jujulab download-backup -m controller 20260101-120000.UUID --filename before.tar.gz",
        ),
    ],
    see_also=["backups", "create-backup", "restore-backup"],
)
@click.argument("backup", required=False, metavar="ID")
@model_option
@click.option("--filename", metavar="FILE", help="Download to this file. By default juju-backup-DATE-TIME.tar.gz.")
def command(backup: str | None, model: str | None, filename: str | None) -> None:
    """Download a backup that is kept on the controller.

    The controller model must be in focus. The file's name is printed.
    """
    from jujulab.cli.backupfiles import download, file_name
    from jujulab.session import connect_model

    if not backup:
        raise UsageError("missing ID")
    if filename == "":
        raise UsageError("missing filename")
    with connect_model(model) as session:
        target = Path(filename or file_name({"id": backup.removeprefix("juju-backup-").removesuffix(".tar.gz")}))
        download(session, backup, target)
    output.data(str(target))
