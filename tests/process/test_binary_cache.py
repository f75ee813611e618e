"""The cache of agent binaries, in this process: what only the order of events in it can show."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from jujulab_controller.binaries import BinaryCache
from jujulab_controller.bootstrap import make_state
from jujulab_controller.internet import Internet
from jujulab_controller.state.store import Store
from jujulab_core.version import Binary, Number
from tests.support.controller_process import Controller, Streams

WANTED = Binary.parse("2.6.10-bionic-amd64")


class LateCache(BinaryCache):
    """Who asks first hears the answer last, as on a host that is busy."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.asked = 0
        self.others_served = asyncio.Event()

    async def find(self, model_uuid: str, version: Binary) -> Any:
        self.asked += 1
        is_first = self.asked == 1
        found = await super().find(model_uuid, version)
        if is_first:
            assert found is None
            await self.others_served.wait()
        return found


def test_who_hears_late_that_a_binary_is_missing_does_not_fetch_it_again(tmp_path: Path) -> None:
    streams = Streams(tmp_path / "tools")
    controller = Controller(tmp_path / "controller", streams)

    async def run() -> None:
        store = Store(tmp_path / "s.db", lambda _: None)
        try:
            await make_state(store, controller.directory / "data", Number(2, 6, 4))
            cache = LateCache(tmp_path / "binaries", store, Internet(store), lambda _: None)
            try:
                late = asyncio.create_task(cache.ensure(controller.model, WANTED))
                while not cache.asked:
                    await asyncio.sleep(0)
                fetched = await cache.ensure(controller.model, WANTED)
                cache.others_served.set()
                assert (await late).sha256 == fetched.sha256
            finally:
                await cache.close()
        finally:
            store.close()

    try:
        streams.publish(str(WANTED))
        asyncio.run(run())
        assert len([path for path in streams.hits if path.endswith(".tgz")]) == 1
    finally:
        streams.close()
