"""The database's threads: one that writes with group commit, one that reads.

Hundreds of agents report at once. Each report is a function that runs in the writer's thread inside a
savepoint; all that wait together share one transaction, so one fsync. Nobody is answered before the commit,
and watchers hear of a change only after it: what was acknowledged survives ``kill -9``.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Table, create_engine, event, insert, update
from sqlalchemy.pool import NullPool

from jujulab_controller.hub import Topic
from jujulab_controller.state import migrations

T = TypeVar("T")

# More than this many functions in one transaction would make the first of them wait too long.
MAX_GROUP = 256
_BUSY_TIMEOUT_MS = 10_000


class Tx:
    """What a writing function gets: the connection, and where it says what it changed."""

    def __init__(self, connection: Connection) -> None:
        self.db = connection
        self.topics: list[Topic] = []

    def notify(self, *topic: str) -> None:
        """Publishes a topic once this transaction is committed."""
        self.topics.append(topic)

    def put(self, table: Table, key: dict[str, Any], values: dict[str, Any]) -> None:
        """Changes the row with this key, or makes it."""
        same = [table.c[name] == value for name, value in key.items()]
        if not self.db.execute(update(table).where(*same).values(values)).rowcount:
            self.db.execute(insert(table).values(key | values))


class _Job:
    def __init__(self, run: Callable[[Tx], Any]) -> None:
        self.run = run
        self.done: Future[Any] = Future()
        self.topics: list[Topic] = []
        self.result: Any = None
        self.error: BaseException | None = None


class Store:
    """Runs functions against the database, away from the event loop.

    Attributes:
        steps: The descriptions of the database upgrade steps that this start ran.
    """

    def __init__(self, path: Path, publish: Callable[[list[Topic]], None]) -> None:
        """Opens the database and brings its schema up to date.

        Args:
            path: The database file.
            publish: Called in the event loop with the topics of each commit.
        """
        self._publish = publish
        self._engine = _engine(path)
        with self._engine.begin() as connection:
            self.steps = migrations.upgrade(connection)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writer = threading.Thread(target=self._write_loop, name="state writer", daemon=True)
        self._writer.start()
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="state reader")
        self._read_connection: Connection | None = None

    async def write(self, run: Callable[[Tx], T]) -> T:
        """Runs ``run`` in a transaction; returns after the commit.

        Whatever ``run`` raises undoes only what it did itself and is raised here.
        """
        self._loop = asyncio.get_running_loop()
        job = _Job(run)
        self._jobs.put(job)
        result: T = await asyncio.wrap_future(job.done)
        return result

    def post(self, run: Callable[[Tx], None]) -> None:
        """Runs ``run`` in a transaction soon; nobody waits for it, and nothing is lost if it never runs."""
        self._jobs.put(_Job(run))

    async def read(self, run: Callable[[Connection], T]) -> T:
        """Runs ``run`` on a consistent snapshot that holds everything committed before."""
        return await asyncio.get_running_loop().run_in_executor(self._reader, self._read, run)

    def close(self) -> None:
        """Commits what is queued and ends both threads."""
        self._jobs.put(None)
        self._writer.join(30)
        self._reader.submit(self._close_reader).result(30)
        self._reader.shutdown()
        self._engine.dispose()

    def _read(self, run: Callable[[Connection], T]) -> T:
        if self._read_connection is None:
            self._read_connection = self._engine.connect().execution_options(read_only=True)
        with self._read_connection.begin():
            return run(self._read_connection)

    def _close_reader(self) -> None:
        if self._read_connection is not None:
            self._read_connection.close()

    def _write_loop(self) -> None:
        with self._engine.connect() as connection:
            ending = False
            while not ending:
                group: list[_Job] = []
                job = self._jobs.get()
                while True:
                    if job is None:
                        ending = True
                        break
                    # Whoever asked and went away is not served; from here on nobody can go away any more.
                    if job.done.set_running_or_notify_cancel():
                        group.append(job)
                    if len(group) >= MAX_GROUP:
                        break
                    try:
                        job = self._jobs.get_nowait()
                    except queue.Empty:
                        break
                if group:
                    self._commit(connection, group)

    def _commit(self, connection: Connection, group: list[_Job]) -> None:
        try:
            with connection.begin():
                for job in group:
                    self._run(connection, job)
        except Exception as error:  # disk full, or the database is broken: nobody of the group was served
            for job in group:
                job.error = error
                job.topics = []
        topics = [topic for job in group for topic in job.topics]
        if topics and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._publish, topics)
        for job in group:
            if job.error is not None:
                job.done.set_exception(job.error)
            else:
                job.done.set_result(job.result)

    @staticmethod
    def _run(connection: Connection, job: _Job) -> None:
        tx = Tx(connection)
        savepoint = connection.begin_nested()
        try:
            job.result = job.run(tx)
        except Exception as error:
            savepoint.rollback()
            job.error = error
        else:
            savepoint.commit()
            job.topics = tx.topics


def _engine(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool, connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: Any) -> None:
        # SQLAlchemy's BEGIN below is the only one: the driver's own would come too late for savepoints.
        connection.isolation_level = None
        for pragma in (
            f"busy_timeout={_BUSY_TIMEOUT_MS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get("read_only", False)
        connection.exec_driver_sql("BEGIN DEFERRED" if reading else "BEGIN IMMEDIATE")

    return engine
