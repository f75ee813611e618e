"""A full disk as the kernel shows it, in a mount namespace of the test's own: a database loses nothing by it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from jujulab.faults import disk

# Who may not unshare alone may as the root of a user namespace of his own.
ALONE = ["unshare", "--mount", "--map-root-user"]

COMMIT = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("PRAGMA journal_mode=WAL")
db.execute("INSERT INTO told VALUES (1)")
db.commit()
os.kill(os.getpid(), 9)
"""


def commit(path: Path) -> str:
    """A controller that starts, commits, and is killed."""
    return f"{sys.executable} -c '{COMMIT}' {path} || [ $? -eq 137 ]\n"


@pytest.mark.parametrize("free", [0, 100])
def test_what_is_committed_while_the_disk_is_full_is_there_afterwards(tmp_path: Path, free: int) -> None:
    data = tmp_path / "juju"
    (data / "agents").mkdir(parents=True)
    state = data / "db"
    state.mkdir()
    path = state / "controller.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("CREATE TABLE told (what)")
        db.commit()
    path.chmod(0o600)
    # It does not run just now, so that its database has no log.
    assert [entry.name for entry in state.iterdir()] == ["controller.db"]
    full = f"df --output=avail -k {data} | tail -1 | awk '{{ exit $1 > {free} * 1024 }}'\n"
    script = "mount -t tmpfs x /run\n" + disk.making(free, str(data)) + full + commit(path) + disk.mending(str(data))
    subprocess.run([*ALONE, "sh", "-ec", script], check=True, timeout=60)
    assert oct((state / "controller.db-wal").stat().st_mode & 0o777) == "0o600"
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT what FROM told").fetchall() == [(1,)]
