"""``logsink.log``: the lines that all agents send, appended to one file and streamed to ``debug-log``."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from jujulab_controller import clock

LEVELS = ("TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
# The file is moved aside at this size, and one older file is kept.
MAX_FILE_BYTES = 64 * 1024 * 1024
# A reader that is so many lines behind loses the oldest of them.
MAX_QUEUE = 10_000


class Line(NamedTuple):
    """One line of log; the fields are those of the debug log stream and, first, the model."""

    model: str
    tag: str
    ts: str
    sev: str
    mod: str
    loc: str
    msg: str

    def frame(self) -> dict[str, Any]:
        """As the stream sends it."""
        return {
            "tag": self.tag,
            "ts": self.ts,
            "sev": self.sev,
            "mod": self.mod,
            "loc": self.loc,
            "msg": self.msg,
        }


class LogSink:
    """Appends lines, and lets readers follow. Methods belong to the event loop's thread."""

    def __init__(self, path: Path) -> None:
        # On a lab's controllers it is a link to what they share: the next one to lead goes on where this one ended.
        self._path = path.resolve()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("a", encoding="utf-8")
        self._readers: set[asyncio.Queue[Line]] = set()

    def add(self, lines: list[Line]) -> None:
        """Appends lines and hands them to the readers."""
        if self._file.tell() > MAX_FILE_BYTES:
            self._file.close()
            self._path.replace(self._path.with_suffix(".log.1"))
            self._file = self._path.open("a", encoding="utf-8")
        self._file.write("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
        self._file.flush()
        for reader in self._readers:
            for line in lines:
                if reader.full():
                    reader.get_nowait()
                reader.put_nowait(line)

    async def stream(
        self, wanted: Callable[[Line], bool], *, backlog: int, replay: bool, follow: bool
    ) -> AsyncGenerator[Line, None]:
        """Yields lines, old ones first.

        Args:
            wanted: Which lines.
            backlog: So many of the newest old lines come first.
            replay: All old lines come first.
            follow: New lines come as they are written, without end.
        """
        queue: asyncio.Queue[Line] = asyncio.Queue(MAX_QUEUE)
        self._readers.add(queue)
        try:
            old = await asyncio.get_running_loop().run_in_executor(None, self._old, wanted, backlog, replay)
            # What was written while the file was read is in both; the queue's copy is dropped.
            seen = set(old[-MAX_QUEUE:])
            for line in old:
                yield line
            while follow or not queue.empty():
                line = await queue.get()
                if line not in seen and wanted(line):
                    yield line
        finally:
            self._readers.discard(queue)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def _old(self, wanted: Callable[[Line], bool], backlog: int, replay: bool) -> list[Line]:
        lines = [line for line in self._read() if wanted(line)]
        return lines if replay else lines[len(lines) - min(backlog, len(lines)) :]

    def _read(self) -> Iterator[Line]:
        for path in (self._path.with_suffix(".log.1"), self._path):
            if not path.exists():
                continue
            with path.open(encoding="utf-8", errors="replace") as file:
                for text in file:
                    try:
                        yield Line(*map(str, json.loads(text)))
                    except (ValueError, TypeError):
                        # The line that a crash cut in half.
                        continue


class Handler(logging.Handler):
    """Puts the controller's own log lines among those of its machine's agent."""

    def __init__(self, sink: LogSink, loop: asyncio.AbstractEventLoop, model: str) -> None:
        super().__init__()
        self._sink = sink
        self._loop = loop
        self._model = model

    def emit(self, record: logging.LogRecord) -> None:
        """Hands a record over to the event loop's thread."""
        line = Line(
            self._model,
            "machine-0",
            clock.stamp(datetime.fromtimestamp(record.created, UTC)),
            record.levelname,
            record.name,
            f"{record.filename}:{record.lineno}",
            record.getMessage(),
        )
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._sink.add, [line])
