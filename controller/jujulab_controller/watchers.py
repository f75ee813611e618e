"""What stands behind a watcher's id: the answers to ``Next``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from jujulab_controller import deltas
from jujulab_controller.errors import STOPPED, unknown_model
from jujulab_controller.hub import Topic, Watcher, WatcherStoppedError
from jujulab_controller.state import models, snapshot, upgrades
from jujulab_controller.status import Json, StatusBuilder
from jujulab_core.errors import RpcError

if TYPE_CHECKING:
    from jujulab_controller.services import Services

# Juju tells of changes in batches, some time after they were made, and clients count on that: python-libjuju's
# `Machine.destroy` fails when it hears that the machine is gone before it has seen the answer to its own call.
_GATHER_SECONDS = 0.1


class NotifyWatcher:
    """Says that something changed; the first ``Next`` answers at once."""

    def __init__(self, services: Services, *topics: Topic) -> None:
        self._watcher = Watcher(services.hub, topics)

    async def next(self) -> dict[str, Any]:
        """Waits for the next change."""
        await self._watcher.next()
        return {}

    def stop(self) -> None:
        """Ends the watcher."""
        self._watcher.stop()


class StringsWatcher:
    """Says which names changed; the names at the start are in the answer that made the watcher."""

    def __init__(self, services: Services, topic: Topic) -> None:
        self._watcher = Watcher(services.hub, [topic], fires_at_start=False)

    async def next(self) -> dict[str, Any]:
        """Waits for the next changes; a name is the last word of its topic."""
        return {"changes": [topic[-1] for topic in await self._watcher.next()]}

    def stop(self) -> None:
        """Ends the watcher."""
        self._watcher.stop()


class UpgradesWatcher:
    """Fires at every change of an active upgrade or of an agent in one."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._watcher = Watcher(services.hub, [("upgrade",), ("agent",)])

    async def next(self) -> dict[str, Any]:
        """Waits for the next change that matters."""
        while True:
            changed = await self._watcher.next()
            if not changed or any(topic[0] == "upgrade" for topic in changed):
                return {}
            rows = await self._services.store.read(upgrades.carried)
            if {row.model_uuid for row in rows} & {topic[1] for topic in changed}:
                return {}

    def stop(self) -> None:
        """Ends the watcher."""
        self._watcher.stop()


class AllWatcher:
    """Tells a client of the whole model first, or of all models, then what is different from what it was told."""

    def __init__(self, services: Services, model_uuid: str | None) -> None:
        """Begins to watch.

        Args:
            services: The controller's parts.
            model_uuid: Which model; None for all.
        """
        self._services = services
        self._model = model_uuid
        kinds = ("model", "machine", "unit", "application", "relation", "annotation")
        within = () if model_uuid is None else (model_uuid,)
        self._watcher = Watcher(services.hub, [(kind, *within) for kind in kinds] + [("agents-lost",)])
        self._told: dict[deltas.Key, Json] = {}

    async def next(self) -> dict[str, Any]:
        """Waits for the next deltas."""
        found: list[list[Any]] = []
        while not found:
            try:
                await self._watcher.next()
            except WatcherStoppedError:
                # Clients look for these words to tell a stop that they asked for from a failure.
                raise RpcError("shared state watcher was stopped", STOPPED) from None
            if self._told:
                await asyncio.sleep(_GATHER_SECONDS)
            now = await self._picture()
            found = deltas.changes(self._told, now)
            if self._model is not None and not found and not now:
                raise unknown_model(self._model)
            self._told = now
        return {"deltas": found}

    def stop(self) -> None:
        """Ends the watcher."""
        self._watcher.stop()

    async def _picture(self) -> dict[deltas.Key, Json]:
        return {
            key: entity
            for rows in await self._services.store.read(self._load)
            for key, entity in deltas.entities(StatusBuilder(rows, self._services.is_lost(rows.model.uuid))).items()
        }

    def _load(self, db: Connection) -> list[snapshot.Snapshot]:
        if self._model is not None:
            # Of a model that is gone, everything is.
            return [snapshot.load(db, self._model)] if models.find(db, self._model) is not None else []
        return [snapshot.load(db, model.uuid) for model in models.visible(db, "", everything=True)]
