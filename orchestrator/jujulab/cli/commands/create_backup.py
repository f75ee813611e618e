"""``create-backup``."""

from __future__ import annotations

from pathlib import Path

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import model_option
from jujulab_core.errors import UsageError

WARNING = (
    "WARNING downloading backup archives is recommended; backups stored remotely are not guaranteed to be available."
)


@juju_command(
    examples=[
        ("Make a backup and download it:", "jujulab create-backup -m aws:controller"),
        ("Leave a copy on the controller as well:", "jujulab create-backup -m controller --keep-copy"),
        (
            "With a note, into a file:",
            'jujulab create-backup -m controller --filename before.tar.gz "before 2.7"',
        ),
    ],
    see_also=["backups", "download-backup", "restore-backup"],
)
@click.argument("notes", required=False, default="")
@model_option
@click.option("--filename", metavar="FILE", help="Download to this file.")
@click.option("--no-download", is_flag=True, help="Do not download the archive; implies --keep-copy.")
@click.option(
    "--keep-copy/--no-keep-copy",
    default=None,
    help="Keep a copy of the archive on the controller. [clients before 3.0]",
)
def command(notes: str, model: str | None, filename: str | None, no_download: bool, keep_copy: bool | None) -> None:
    """Create a backup of the controller's state.

    The controller model must be in focus. The backup covers the state of all models, the controller's keys and
    configuration, and the cache of agent binaries; not the workloads. The archive holds secrets: keep it safe.
    """
    from jujulab.cli.backupfiles import WORK_SECONDS, download, facade_version, file_name
    from jujulab.session import connect_model

    check_flags(filename, no_download, keep_copy)
    with connect_model(model) as session:
        version = facade_version(session)
        if version > 2 and keep_copy is not None:
            raise UsageError("option provided but not defined: --keep-copy")
        if no_download:
            output.info(WARNING)
        keep = bool(keep_copy) or no_download
        params = {"notes": notes, "no-download": no_download} | ({"keep-copy": keep} if version < 3 else {})
        metadata = session.model_client().call("Backups", "Create", params, version=version, timeout=WORK_SECONDS)
        stored = metadata["id"] if version < 3 else metadata["filename"]
        output.info(
            f"Remote backup stored on the controller as {stored}." if keep else "Remote backup was not created."
        )
        if not no_download:
            target = Path(filename or file_name(metadata))
            download(session, metadata["filename"], target)
            output.info(f"Downloaded to {target}.")


def check_flags(filename: str | None, no_download: bool, keep_copy: bool | None) -> None:
    """Refuses flags that contradict one another (the Juju upgrade specification, section E.3).

    Raises:
        UsageError: Juju's words.
    """
    if filename is not None and no_download:
        raise UsageError("cannot mix --no-download and --filename")
    if filename == "":
        raise UsageError("missing filename")
    if no_download and keep_copy is False:
        raise UsageError("--no-download cannot be set when --keep-copy is not: the backup will not be created")
