"""What the tests must not leave behind: processes, threads, open files, and files in the temporary directory."""

from __future__ import annotations

import gc
import os
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from pathlib import Path

from jujulab_core.errors import DeadlineError
from jujulab_core.waiting import Deadline, wait_for

# A process and a thread that were told to end take a moment to.
PATIENCE_SECONDS = 10.0
# In the environment of every process that the tests start, also of those whose parent has ended since.
_MARK = "JUJULAB_TESTS"


def mark_children() -> None:
    """From now on whatever this process starts can be told from what others do."""
    os.environ[_MARK] = uuid.uuid4().hex
    # Python starts this one once, at the first process of `multiprocessing`, and keeps it.
    resource_tracker.ensure_running()


def marked_processes() -> set[str]:
    """Number and command of every living process that was started by this one, or by those."""
    mark = f"{_MARK}={os.environ[_MARK]}".encode()
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                if command:
                    found.add(f"{process.name} {command}")
        except OSError:
            continue
    return found


def open_files() -> dict[str, int]:
    """How often this process has what open; pipes and sockets count by kind, as each has a name of its own.

    Sockets to the Docker engine do not count, which are the local ones: its client keeps a pool of them.
    """
    local = {line.split()[6] for line in Path("/proc/net/unix").read_text().splitlines()[1:]}
    found: dict[str, int] = {}
    for entry in Path("/proc/self/fd").iterdir():
        try:
            kind, _, number = str(entry.readlink()).partition(":")
        except OSError:
            continue
        if kind != "socket" or number.strip("[]") not in local:
            found[kind] = found.get(kind, 0) + 1
    return found


def threads() -> set[threading.Thread]:
    """The living threads."""
    return {thread for thread in threading.enumerate() if thread.is_alive()}


@contextmanager
def nothing_left(temporary: Path) -> Iterator[None]:
    """Fails unless all is as before when the block ends.

    Args:
        temporary: Becomes the temporary directory of this process and of those it starts, and must be empty then.
    """
    usual, variable = tempfile.tempdir, os.environ.get("TMPDIR")
    tempfile.tempdir = os.environ["TMPDIR"] = str(temporary)
    processes, alive, files = marked_processes(), threads(), open_files()
    try:
        yield
    finally:
        tempfile.tempdir = usual
        if variable is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = variable

    def probe() -> tuple[bool | None, str]:
        gc.collect()
        left = [f"process {process}" for process in marked_processes() - processes]
        left += [f"thread {thread.name}" for thread in threads() - alive]
        left += [
            f"{count - files.get(name, 0)} x {name}"
            for name, count in open_files().items()
            if count > files.get(name, 0)
        ]
        left += [f"temporary {path}" for path in temporary.iterdir()]
        return (None, ", ".join(left)) if left else (True, "")

    try:
        wait_for(probe, Deadline(PATIENCE_SECONDS), 0.05)
    except DeadlineError as error:
        raise AssertionError(f"left behind: {error}") from None
