"""What the state keeps for ``show-status-log`` and for "upgrade available"."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from jujulab_controller import clock
from jujulab_controller.state import agents, machines, models, users
from jujulab_controller.state.schema import controller
from jujulab_controller.state.store import Store, Tx

MODEL = "00000000-0000-4000-8000-0000001a2b3c"
TAG = "machine-0"
KINDS = {"juju-machine"}


def prepare(tx: Tx) -> None:
    tx.db.execute(controller.insert().values(id=1, uuid="c", model_uuid="other", cloud="docker", version="2.6.4"))
    users.add(tx, "admin", "", "superuser", "admin")
    models.create(tx, MODEL, "default", "admin", "2.6.4", {})
    machines.add(tx, MODEL, "bionic", "amd64")


def run(tmp_path: Path, work: Callable[[Tx], None]) -> None:
    async def inside() -> None:
        store = Store(tmp_path / "s.db", lambda _: None)
        try:
            await store.write(prepare)
            await store.write(work)
        finally:
            store.close()

    asyncio.run(inside())


def test_history_is_limited_by_number_time_and_message(tmp_path: Path) -> None:
    def work(tx: Tx) -> None:
        for text in ("one", "two", "three"):
            agents.set_status(tx, MODEL, TAG, "started", text)
        moment = clock.now()
        agents.set_status(tx, MODEL, TAG, "started", "four")

        def messages(limit: int = 100, since: str = "", exclude: tuple[str, ...] = ()) -> list[str]:
            return [row.message for row in agents.history(tx.db, MODEL, TAG, KINDS, limit, since, exclude)]

        assert messages()[-4:] == ["one", "two", "three", "four"]
        assert messages(limit=2) == ["three", "four"]
        assert messages(since=moment) == ["four"]
        assert messages(limit=2, exclude=("three",)) == ["two", "four"]

    run(tmp_path, work)


def test_a_notice_is_reset_by_an_upgrade_and_does_not_outlive_it(tmp_path: Path) -> None:
    def work(tx: Tx) -> None:
        seen = models.get(tx.db, MODEL)
        models.set_available(tx, seen, "2.6.10")
        assert models.get(tx.db, MODEL).available_version == "2.6.10"
        models.set_agent_version(tx, MODEL, "2.6.10")
        assert models.get(tx.db, MODEL).available_version == ""
        # Somebody who looked before the upgrade comes too late.
        models.set_available(tx, seen, "2.6.10")
        assert models.get(tx.db, MODEL).available_version == ""

    run(tmp_path, work)
