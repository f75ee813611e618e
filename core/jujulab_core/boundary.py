"""Named points at which a process can be stopped, so that it can be killed exactly there.

Juju breaks its own agents on purpose with wrenches: files below ``/var/lib/juju/wrench``. These are two more:

- ``stop-at`` holds the name of a boundary. The first process that comes there stops and renames the file to
  ``stopped-at``; it goes on when that one is removed. Whoever comes later passes.
- ``passed``, where it is there, gets a line ``SECONDS NAME`` for each boundary that a process passes.

Without the directory, which is how machines are made, a boundary costs one look for it.
"""

from __future__ import annotations

import os
import stat
import threading
import time

# A process that nobody lets go on does so by itself.
STOP_SECONDS = 120.0
_LOOK_SECONDS = 0.02


def reach(data_dir: str, name: str) -> None:
    """Says that this process is at a boundary; returns at once unless somebody wants it stopped there.

    Args:
        data_dir: Such as ``/var/lib/juju``.
        name: PROCESS/STEP, such as ``machine-agent/unpacked``; listed in ``docs/explanation/crash-only.md``.
    """
    directory = f"{data_dir}/wrench"
    try:
        status = os.stat(directory)
    except OSError:
        return
    # As with all wrenches: what others may write does not count.
    if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return
    _note(f"{directory}/passed", name)
    try:
        with open(f"{directory}/stop-at", encoding="utf-8") as file:
            if file.read().strip() != name:
                return
        os.rename(f"{directory}/stop-at", f"{directory}/stopped-at")
    except OSError:
        return
    end = time.monotonic() + STOP_SECONDS
    pause = threading.Event()
    while os.path.lexists(f"{directory}/stopped-at") and time.monotonic() < end:
        pause.wait(_LOOK_SECONDS)


def _note(path: str, name: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    except OSError:
        return
    try:
        os.write(descriptor, f"{time.time():.6f} {name}\n".encode())
    finally:
        os.close(descriptor)
