"""``restore-backup``."""

from __future__ import annotations

from pathlib import Path

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import model_option
from jujulab_core.errors import UsageError
from jujulab_core.version import Number

GONE_FROM = Number(2, 9)


@juju_command(
    examples=[
        ("From a file:", "jujulab restore-backup -m aws:controller --file juju-backup-20260101-120000.tar.gz"),
        ("From a copy that the controller kept:", "jujulab restore-backup -m controller --id 20260101-120000.UUID"),
    ],
    see_also=["create-backup", "backups", "download-backup", "up"],
)
@model_option
@click.option("--file", "file", metavar="FILE", default="", help="Archive on this host.")
@click.option("--id", "backup", metavar="ID", default="", help="Backup that is kept on the controller.")
@click.option(
    "--juju-restore",
    is_flag=True,
    help="Stand for the tool juju-restore, which takes this command's place from 2.9 on.",
)
def command(model: str | None, file: str, backup: str, juju_restore: bool) -> None:
    """Put the state of a backup in place of the controller's.

    The controller model must be in focus. During the restore nobody can work with the controller; afterwards the
    agents of all models log in again. What was done since the backup is forgotten by the controller, though not
    undone on the machines. The binaries that the controller runs stay as they are.

    Where the controller's container is gone, `jujulab up` first makes a new, empty one in its place, with the same
    keys, and then waits for this command.
    """
    from jujulab.cli.restoring import restore
    from jujulab.client_version import client_version
    from jujulab.session import connect_model

    if not file and not backup:
        raise UsageError("you must specify either a file or a backup id.")
    if file and backup:
        raise UsageError("you must specify either a file or a backup id but not both.")
    with connect_model(model) as session:
        if client_version(session.store, session.controller.name) >= GONE_FROM and not juju_restore:
            raise UsageError(
                f"restore-backup is not a command of Juju {GONE_FROM} and later",
                next_step="there the tool juju-restore does it; give --juju-restore to have the lab stand for it",
            )
        restore(session, backup, Path(file) if file else None)
    output.data(f'restore from "{file or backup}" completed')
