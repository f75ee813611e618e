"""Change notification: committed changes are topics, and watchers wait on topics.

A topic is a tuple of words, from general to special: ``("machine", MODEL-UUID, "0")``. Who subscribes to a
shorter topic hears of everything below it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

Topic = tuple[str, ...]
Listener = Callable[[Topic], None]


class Hub:
    """Delivers topics to listeners. All methods belong to the event loop's thread."""

    def __init__(self) -> None:
        self._listeners: dict[Topic, set[Listener]] = {}

    def subscribe(self, topics: Iterable[Topic], listener: Listener) -> Callable[[], None]:
        """Calls ``listener`` with every topic published at or below ``topics``.

        Returns:
            Ends the subscription; may be called twice.
        """
        wanted = tuple(topics)
        for topic in wanted:
            self._listeners.setdefault(topic, set()).add(listener)

        def end() -> None:
            for topic in wanted:
                listeners = self._listeners.get(topic)
                if listeners is not None:
                    listeners.discard(listener)
                    if not listeners:
                        del self._listeners[topic]

        return end

    def publish(self, topics: Iterable[Topic]) -> None:
        """Tells the listeners; each topic once, however often it is given."""
        for topic in dict.fromkeys(topics):
            for length in range(1, len(topic) + 1):
                for listener in tuple(self._listeners.get(topic[:length], ())):
                    listener(topic)


class WatcherStoppedError(Exception):
    """The watcher was stopped while somebody waited on it, or before."""


class Watcher:
    """What one client waits on. Changes that come while nobody waits are merged into one event."""

    def __init__(self, hub: Hub, topics: Iterable[Topic], *, fires_at_start: bool = True) -> None:
        """Begins to listen.

        Args:
            hub: Where changes are published.
            topics: What to wait for.
            fires_at_start: Whether the first :meth:`next` returns at once, as most of Juju's watchers do.
        """
        self._event = asyncio.Event()
        if fires_at_start:
            self._event.set()
        self._pending: dict[Topic, None] = {}
        self._stopped = False
        self._end = hub.subscribe(topics, self._note)

    async def next(self) -> list[Topic]:
        """Waits for the next change.

        Returns:
            The topics that changed since the last call; none at the first event.

        Raises:
            WatcherStoppedError: :meth:`stop` was called.
        """
        await self._event.wait()
        if self._stopped:
            raise WatcherStoppedError
        self._event.clear()
        changed = list(self._pending)
        self._pending.clear()
        return changed

    def stop(self) -> None:
        """Ends the watcher; a waiting :meth:`next` fails. Safe to call twice."""
        self._stopped = True
        self._end()
        self._event.set()

    def _note(self, topic: Topic) -> None:
        self._pending[topic] = None
        self._event.set()
