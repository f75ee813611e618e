"""Who is connected, and who has been gone for so long that status shows it as down or lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from jujulab_controller import clock
from jujulab_controller.hub import Topic
from jujulab_core.tags import split_tag

# An agent that restarts is back within this time; only one that is gone for longer is shown as lost.
PRESENCE_TIMEOUT = 30.0

Key = tuple[str, str]


class Presence:
    """Counts connections of agents. All methods belong to the event loop's thread."""

    def __init__(self, publish: Callable[[list[Topic]], None], timeout: float = PRESENCE_TIMEOUT) -> None:
        """Starts with nobody connected; nobody is lost before the timeout has passed once.

        Args:
            publish: Told when an agent connects, disconnects or becomes lost.
            timeout: Seconds of absence after which an agent is lost.
        """
        self._publish = publish
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        self._connections: dict[Key, int] = {}
        self._since: dict[Key, str] = {}
        self._spoken: set[Key] = set()
        self._left: dict[Key, float] = {}
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._first = self._loop.call_later(timeout, self._all_lost)

    def connected(self, model_uuid: str, tag: str) -> None:
        """Notes a new connection of an agent."""
        key = (model_uuid, tag)
        self._connections[key] = self._connections.get(key, 0) + 1
        self._since[key] = clock.now()
        self._spoken.discard(key)
        self._left.pop(key, None)
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        self._tell(key)

    def disconnected(self, model_uuid: str, tag: str) -> None:
        """Notes that a connection of an agent has ended."""
        key = (model_uuid, tag)
        count = self._connections.get(key, 0) - 1
        if count > 0:
            self._connections[key] = count
            return
        self._connections.pop(key, None)
        self._since.pop(key, None)
        self._left[key] = self._loop.time()
        self._timers[key] = self._loop.call_later(self._timeout, self._lost, key)
        self._tell(key)

    def is_connected(self, model_uuid: str, tag: str) -> bool:
        """Whether the agent has a connection now."""
        return (model_uuid, tag) in self._connections

    def since(self, model_uuid: str, tag: str) -> str | None:
        """When the agent last connected; None where it has no connection now."""
        return self._since.get((model_uuid, tag))

    def spoke(self, model_uuid: str, tag: str) -> None:
        """Notes that an agent has said how it is."""
        key = (model_uuid, tag)
        if key not in self._spoken:
            self._spoken.add(key)
            self._tell(key)

    def has_spoken(self, model_uuid: str, tag: str) -> bool:
        """Whether an agent has said how it is since it last connected; before that its status is an older process's."""
        return (model_uuid, tag) in self._spoken

    def is_lost(self, model_uuid: str, tag: str) -> bool:
        """Whether the agent has been gone for the timeout, or never came since this controller started."""
        key = (model_uuid, tag)
        if key in self._connections:
            return False
        return self._loop.time() - self._left.get(key, self._started) >= self._timeout

    def close(self) -> None:
        """Ends the timers."""
        self._first.cancel()
        for timer in self._timers.values():
            timer.cancel()

    def _all_lost(self) -> None:
        # Whoever has not come since the start counts as lost from now on; nobody kept a list of them.
        self._publish([("agents-lost",)])

    def _lost(self, key: Key) -> None:
        self._timers.pop(key, None)
        self._tell(key)

    def _tell(self, key: Key) -> None:
        model_uuid, tag = key
        kind, name = split_tag(tag)
        self._publish([(kind, model_uuid, name), ("agent", model_uuid, tag)])
