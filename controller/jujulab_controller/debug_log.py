"""``debug-log``: which lines a client wants, and sending them (the wire specification, section 2)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from aiohttp import web
from multidict import MultiMapping

from jujulab_controller import clock
from jujulab_controller.errors import bad_request
from jujulab_controller.logsink import LEVELS, Line, LogSink


@dataclass(frozen=True)
class Filter:
    """What one client wants; the fields are Go's query keys.

    Attributes:
        model: The model's UUID.
        level: The least serious level.
        backlog: So many old lines come first.
        limit: The stream ends after so many lines; 0 for no end.
        replay: All old lines come first.
        follow: New lines follow.
        start: Nothing before this time.
        include: Entities; none for all.
        exclude: Entities.
        include_module: Modules and what is below them; none for all.
        exclude_module: Modules and what is below them.
    """

    model: str
    level: int = 0
    backlog: int = 0
    limit: int = 0
    replay: bool = False
    follow: bool = True
    start: datetime | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    include_module: tuple[str, ...] = ()
    exclude_module: tuple[str, ...] = ()

    @classmethod
    def from_query(cls, query: MultiMapping[str], model: str) -> Filter:
        """Reads the query of the request.

        Raises:
            RpcError: A value is not one.
        """
        level = query.get("level", "").upper()
        if level and level not in LEVELS:
            raise bad_request(f'level value "{level}" is not one of "TRACE", "DEBUG", "INFO", "WARNING", "ERROR"')
        try:
            start = clock.parse(query["startTime"]) if "startTime" in query else None
        except ValueError as error:
            raise bad_request(f"startTime: {error}") from error
        return cls(
            model=model,
            level=LEVELS.index(level) if level else 0,
            backlog=_number(query, "backlog"),
            limit=_number(query, "maxLines"),
            replay=query.get("replay") == "true",
            follow=query.get("noTail") != "true",
            start=start,
            include=_all(query, "includeEntity"),
            exclude=_all(query, "excludeEntity"),
            include_module=_all(query, "includeModule"),
            exclude_module=_all(query, "excludeModule"),
        )

    def wants(self, line: Line) -> bool:
        """Whether this line is one of those."""
        if line.model != self.model:
            return False
        if line.sev in LEVELS and LEVELS.index(line.sev) < self.level:
            return False
        if self.start is not None and not _not_before(line.ts, self.start):
            return False
        if self.include and not _is_any(line.tag, self.include):
            return False
        if self.include_module and not _below_any(line.mod, self.include_module):
            return False
        return not _is_any(line.tag, self.exclude) and not _below_any(line.mod, self.exclude_module)

    async def stream_to(self, socket: web.WebSocketResponse, sink: LogSink) -> None:
        """Sends the lines until there are enough of them, or the client goes."""
        sender = asyncio.get_running_loop().create_task(self._send(socket, sink))
        receiver = asyncio.get_running_loop().create_task(_until_closed(socket))
        await asyncio.wait({sender, receiver}, return_when=asyncio.FIRST_COMPLETED)
        for task in (sender, receiver):
            task.cancel()
        await asyncio.gather(sender, receiver, return_exceptions=True)
        with contextlib.suppress(ConnectionError):
            await socket.close()

    async def _send(self, socket: web.WebSocketResponse, sink: LogSink) -> None:
        sent = 0
        lines = sink.stream(self.wants, backlog=self.backlog, replay=self.replay, follow=self.follow)
        async with contextlib.aclosing(lines):
            async for line in lines:
                await socket.send_json(line.frame())
                sent += 1
                if sent == self.limit:
                    return


async def _until_closed(socket: web.WebSocketResponse) -> None:
    async for _ in socket:
        pass


def _number(query: Mapping[str, str], key: str) -> int:
    text = query.get(key, "") or "0"
    if not text.isdigit():
        raise bad_request(f'{key} value "{text}" is not a valid unsigned number')
    return int(text)


def _all(query: MultiMapping[str], key: str) -> tuple[str, ...]:
    return tuple(query.getall(key, []))


def _not_before(ts: str, start: datetime) -> bool:
    try:
        return clock.parse(ts) >= start
    except ValueError:
        return True


def _is_any(tag: str, patterns: tuple[str, ...]) -> bool:
    """Patterns are tags, or names of units and machines as people write them."""
    return any(
        fnmatchcase(tag, pattern) or fnmatchcase(tag, f"unit-{pattern.replace('/', '-')}") for pattern in patterns
    )


def _below_any(module: str, names: tuple[str, ...]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in names)
