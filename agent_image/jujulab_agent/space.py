"""Juju's demand for free space before an upgrade (the Juju upgrade specification, sections G.1 and G.3)."""

from __future__ import annotations

import os

from jujulab_core.errors import JujulabError
from jujulab_core.layout import MIN_FREE_BYTES

_MIB = 1024 * 1024


class NotEnoughSpaceError(JujulabError):
    """A directory has too little free space for an upgrade."""


def check_free_space(*directories: str) -> None:
    """Makes sure that each directory has the space that an upgrade needs.

    Raises:
        NotEnoughSpaceError: In Juju's words; names the first that has not.
    """
    for directory in directories:
        status = os.statvfs(directory)
        free = status.f_bavail * status.f_frsize
        if free < MIN_FREE_BYTES:
            raise NotEnoughSpaceError(
                f'not enough free disk space on "{directory}" for upgrade: '
                f"{free // _MIB}MiB available, require {MIN_FREE_BYTES // _MIB}MiB"
            )
