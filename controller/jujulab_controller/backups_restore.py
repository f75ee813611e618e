"""Putting a backup's state in place of the controller's own.

Two steps, so that ``kill -9`` leaves the old state or the new one: everything is unpacked, checked and synced beside
the state, and one rename says that it shall be; then the process ends, and the next one moves it into place before
it opens anything. That move can be cut short and done again as often as it takes.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import tempfile
import time
from pathlib import Path

from jujulab_controller import clock
from jujulab_controller.backups import Here, Metadata, not_a_backup, restore_refusal
from jujulab_controller.backups_archive import BLOBS, DATABASE, TOOLS, sync, sync_tree, unpack
from jujulab_controller.state.lease import LEASE
from jujulab_core.errors import RpcError
from jujulab_core.layout import MIN_FREE_BYTES, STATE

_DIRECTORY, _READY, _RECORD = "restore", "ready", "restored.json"
# The database step from which on there may be several controllers.
_SEVERAL = "0007"
# No agent binary has such a name.
_COPYING = ".restoring-"


def prepare(archive: Path, data_dir: Path, backup_id: str, here: Here) -> Metadata:
    """Unpacks and checks a backup; when this returns, the next start of the controller restores it.

    Raises:
        RpcError: It cannot be restored here; nothing has changed.
    """
    directory = data_dir / STATE / _DIRECTORY
    directory.mkdir(mode=0o700, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="unpacking-", dir=directory))
    try:
        # The binaries of root.tar are there twice for a moment.
        metadata = unpack(archive, work, (shutil.disk_usage(work).free - MIN_FREE_BYTES) // 2)
        refusal = restore_refusal(metadata, *_examine(work / DATABASE), here)
        if refusal:
            raise RpcError(refusal)
        _outbid_leases(work / DATABASE)
        (work / _RECORD).write_text(json.dumps({"id": backup_id, "prepared": clock.now()}))
        sync_tree(work)
        work.rename(directory / _READY)
        sync(directory)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return metadata


def apply(data_dir: Path) -> str:
    """Moves what :func:`prepare` left into place, before anything of the state is opened.

    Returns:
        The ID of the backup that was restored, or an empty text.
    """
    state = data_dir / STATE
    directory = state / _DIRECTORY
    for leftover in directory.glob("unpacking-*"):
        shutil.rmtree(leftover)
    ready = directory / _READY
    if not ready.is_dir():
        return ""
    _move_all(ready / BLOBS, state / "binaries" / BLOBS)
    _copy_all(ready / TOOLS, data_dir / TOOLS)
    if (ready / DATABASE).exists():
        # The old database's log first: the new one must never be read with it.
        for suffix in ("-wal", "-shm"):
            (state / f"{DATABASE}{suffix}").unlink(missing_ok=True)
        sync(state)
        (ready / DATABASE).replace(state / DATABASE)
        sync(state)
    if (ready / _RECORD).exists():
        (ready / _RECORD).replace(state / _RECORD)
        sync(state)
    shutil.rmtree(ready)
    return last_restored(data_dir)["id"]


def last_restored(data_dir: Path) -> dict[str, str]:
    """The backup that this controller's state comes from, as ``id``, and when it was ``prepared``; empty if none."""
    try:
        record: dict[str, str] = json.loads((data_dir / STATE / _RECORD).read_text())
    except FileNotFoundError:
        return {"id": "", "prepared": ""}
    return record


def _move_all(source: Path, target: Path) -> None:
    if not source.is_dir():
        return
    target.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        # What is there already is the same: names are hashes, or those of verified binaries.
        if not (target / path.name).exists():
            path.rename(target / path.name)
    sync(target)


def _copy_all(source: Path, target: Path) -> None:
    """Like :func:`_move_all` for what goes to another disk; the next start removes the source."""
    if not source.is_dir():
        return
    target.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        if not (target / path.name).exists():
            beside = target / f"{_COPYING}{path.name}"
            shutil.rmtree(beside, ignore_errors=True)
            shutil.copytree(path, beside)
            sync_tree(beside)
            beside.rename(target / path.name)
    sync(target)


def _examine(database: Path) -> tuple[str, str, list[str]]:
    """The controller's UUID, the newest database step and the controllers' machines of an unpacked database."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        try:
            verdict = connection.execute("PRAGMA integrity_check").fetchone()[0]
            if verdict != "ok":
                raise not_a_backup(f"its database is damaged: {verdict}")
            (uuid,) = connection.execute("SELECT uuid FROM controller").fetchone()
            (schema,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            # Before this step there was one controller, on machine 0.
            found = connection.execute("SELECT id FROM machines WHERE manager = 1") if schema >= _SEVERAL else [("0",)]
            machines = [str(number) for (number,) in found]
        except (sqlite3.Error, TypeError) as error:
            raise not_a_backup(f"its database is not a controller's: {error}") from error
    return str(uuid), str(schema), machines


def _outbid_leases(database: Path) -> None:
    """Makes the lease's next token higher than any that was given after the backup.

    Machines remember the highest token they have seen and obey no lower one. Tokens grow by one at each change of
    holder, far slower than the clock, so the clock's seconds are above all of them; nobody holds the lease.
    """
    lease = {"name": LEASE, "token": int(time.time()), "expires": "1970-01-01T00:00:00Z"}
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "INSERT INTO leases (name, holder, token, expires) VALUES (:name, '', :token, :expires) ON CONFLICT (name) "
            "DO UPDATE SET holder = '', token = max(token, :token), expires = :expires",
            lease,
        )
