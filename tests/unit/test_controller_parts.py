from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine

from jujulab_controller import auth, charms, placement
from jujulab_controller.config import check
from jujulab_controller.facades.versions import offered
from jujulab_controller.hub import Hub, Topic, Watcher, WatcherStoppedError
from jujulab_controller.presence import Presence
from jujulab_controller.rpc import frames
from jujulab_controller.state import applications, machines, migrations, models, snapshot, upgrades, users
from jujulab_controller.state.schema import controller, metadata
from jujulab_controller.state.store import Store, Tx
from jujulab_controller.status import NOT_COMMUNICATING, StatusBuilder
from jujulab_core.errors import JujulabError, RpcError
from jujulab_core.version import Number

MODEL = "00000000-0000-4000-8000-0000001a2b3c"


def prepare(tx: Tx) -> None:
    tx.db.execute(controller.insert().values(id=1, uuid="c", model_uuid="other", cloud="docker", version="2.6.4"))
    users.add(tx, "admin", "", "superuser", "admin")
    models.create(tx, MODEL, "default", "admin", "2.6.4", {})


@pytest.fixture
def rows(tmp_path: Path) -> snapshot.Snapshot:
    """A model of one machine with a principal and a subordinate that work."""

    def fill(tx: Tx) -> None:
        prepare(tx)
        for name, subordinate in (("ubuntu", False), ("nrpe", True)):
            charm = charms.parse(name, Number(2, 6, 4), "bionic", "amd64")
            applications.deploy(tx, MODEL, name, charm, "bionic", subordinate=subordinate, config={})
        placement.add_units(tx, MODEL, "ubuntu", 1, [])
        applications.relate(tx, MODEL, "ubuntu", "nrpe")
        from jujulab_controller.state import agents

        agents.set_status(tx, MODEL, "machine-0", "started", "")
        for unit in ("ubuntu/0", "nrpe/0"):
            agents.set_status(tx, MODEL, f"unit-{unit.replace('/', '-')}", "idle", "")
            applications.set_workload_status(tx, MODEL, unit, "active", "ready")

    async def run() -> snapshot.Snapshot:
        store = Store(tmp_path / "s.db", lambda _: None)
        try:
            await store.write(fill)
            return await store.read(lambda db: snapshot.load(db, MODEL))
        finally:
            store.close()

    return asyncio.run(run())


def test_status_of_what_works_and_of_what_is_lost(rows: snapshot.Snapshot) -> None:
    well = StatusBuilder(rows, lambda _: False).full([])
    assert well["machines"]["0"]["agent-status"]["status"] == "started"
    unit = well["applications"]["ubuntu"]["units"]["ubuntu/0"]
    assert (unit["agent-status"]["status"], unit["workload-status"]["status"]) == ("idle", "active")
    assert unit["leader"] is True
    assert list(unit["subordinates"]) == ["nrpe/0"]
    assert unit["opened-ports"] != unit["subordinates"]["nrpe/0"]["opened-ports"]

    lost = StatusBuilder(rows, lambda _: True).full([])
    assert lost["machines"]["0"]["agent-status"]["status"] == "down"
    assert lost["machines"]["0"]["agent-status"]["info"] == NOT_COMMUNICATING
    unit = lost["applications"]["ubuntu"]["units"]["ubuntu/0"]
    assert (unit["agent-status"]["status"], unit["agent-status"]["info"]) == ("lost", NOT_COMMUNICATING)
    assert unit["workload-status"]["status"] == "unknown"
    assert unit["workload-status"]["info"] == "agent lost, see 'juju show-status-log ubuntu/0'"
    assert lost["applications"]["ubuntu"]["status"]["status"] == "unknown"


@pytest.mark.parametrize(
    ("patterns", "seen_machines", "seen_applications"),
    [
        ([], ["0"], ["nrpe", "ubuntu"]),
        (["ubuntu"], ["0"], ["nrpe", "ubuntu"]),
        (["nrpe/0"], ["0"], ["nrpe", "ubuntu"]),
        (["0"], ["0"], ["nrpe", "ubuntu"]),
        (["nothing"], [], []),
    ],
)
def test_patterns(
    rows: snapshot.Snapshot, patterns: list[str], seen_machines: list[str], seen_applications: list[str]
) -> None:
    found = StatusBuilder(rows, lambda _: False).full(patterns)
    assert (list(found["machines"]), list(found["applications"])) == (seen_machines, seen_applications)


def test_the_migrations_make_the_schema_of_the_tables(tmp_path: Path) -> None:
    Store(tmp_path / "migrated.db", lambda _: None).close()
    engine = create_engine(f"sqlite:///{tmp_path / 'direct.db'}")
    metadata.create_all(engine)
    engine.dispose()

    def shape(name: str) -> dict[str, list[tuple[object, ...]]]:
        connection = sqlite3.connect(tmp_path / name)
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master ORDER BY name")]
        found = {name: connection.execute(f"PRAGMA table_xinfo('{name}')").fetchall() for name in names}
        found["strict"] = connection.execute("SELECT name, strict FROM pragma_table_list ORDER BY name").fetchall()
        connection.close()
        found["strict"] = [row for row in found["strict"] if row[0] != "alembic_version"]
        return {name: value for name, value in found.items() if "alembic" not in name}

    assert shape("migrated.db") == shape("direct.db")
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_current_head() == migrations.HEAD


def test_writes_that_fail_undo_only_themselves(tmp_path: Path) -> None:
    published: list[Topic] = []

    async def run() -> list[object]:
        store = Store(tmp_path / "s.db", published.extend)

        def write(count: int, tx: Tx) -> int:
            users.add(tx, f"user{count}", "", "login", "admin")
            tx.notify("user", str(count))
            if count % 3 == 0:
                raise ValueError(count)
            return count

        from functools import partial

        done = await asyncio.gather(*(store.write(partial(write, n)) for n in range(30)), return_exceptions=True)
        names = await store.read(lambda db: {row.name for row in users.every(db)})
        assert names == {f"user{n}" for n in range(30) if n % 3}
        await asyncio.sleep(0)
        store.close()
        return list(done)

    done = asyncio.run(run())
    assert [isinstance(result, ValueError) for result in done] == [n % 3 == 0 for n in range(30)]
    assert published == [("user", str(n)) for n in range(30) if n % 3]


def test_a_watcher_merges_changes_and_stops() -> None:
    async def run() -> None:
        hub = Hub()
        watcher = Watcher(hub, [("machine", "m"), ("unit",)])
        assert await watcher.next() == []
        hub.publish([("machine", "m", "0"), ("machine", "m", "0"), ("machine", "other", "0"), ("unit", "x", "y")])
        assert await watcher.next() == [("machine", "m", "0"), ("unit", "x", "y")]
        waiting = asyncio.ensure_future(watcher.next())
        await asyncio.sleep(0)
        watcher.stop()
        with pytest.raises(WatcherStoppedError):
            await waiting
        hub.publish([("machine", "m", "0")])

    asyncio.run(run())


def test_presence() -> None:
    async def run() -> None:
        topics: list[Topic] = []
        presence = Presence(topics.extend, timeout=0.05)
        assert not presence.is_lost("m", "machine-0")
        presence.connected("m", "machine-0")
        presence.connected("m", "machine-0")
        presence.disconnected("m", "machine-0")
        assert presence.is_connected("m", "machine-0")
        presence.disconnected("m", "machine-0")
        assert not presence.is_connected("m", "machine-0")
        assert not presence.is_lost("m", "machine-0")
        topics.clear()
        async with asyncio.timeout(5):
            while ("agent", "m", "machine-0") not in topics:
                await asyncio.sleep(0.01)
        assert presence.is_lost("m", "machine-0")
        assert presence.is_lost("m", "never-came")
        presence.connected("m", "machine-0")
        assert not presence.is_lost("m", "machine-0")
        presence.close()

    asyncio.run(run())


@given(st.binary(max_size=300_000))
def test_fragments_hold_the_message(message: bytes) -> None:
    found, position, last = b"", 0, False
    data = b"".join(frames.fragments(message))
    first = True
    while position < len(data):
        assert not last
        assert (data[position] & 0x0F) == (1 if first else 0)
        last, first = bool(data[position] & 0x80), False
        length, position = data[position + 1], position + 2
        if length == 126:
            length, position = int.from_bytes(data[position : position + 2]), position + 2
        elif length == 127:
            length, position = int.from_bytes(data[position : position + 8]), position + 8
        assert length <= frames.FRAGMENT_BYTES
        found, position = found + data[position : position + length], position + length
    assert last
    assert found == message


@given(st.text())
def test_whatever_comes_is_a_request_or_malformed(text: str) -> None:
    for candidate in (text, json.dumps(text), json.dumps({"request-id": 1, "type": text, "params": text})):
        try:
            assert frames.parse(candidate).number >= 0
        except frames.MalformedError:
            continue


@pytest.mark.parametrize(
    ("facade", "version", "versions"),
    [
        ("Client", "2.6.4", [1, 2]),
        ("Client", "2.9.49", [1, 2, 3, 4, 5, 6]),
        ("Client", "2.9.0", [1, 2, 3]),
        ("Client", "3.6.9", [6, 7, 8]),
        ("ModelUpgrader", "2.9.32", []),
        ("ModelUpgrader", "2.9.33", [1]),
        ("ModelUpgrader", "3.6.0", [1]),
        ("AllWatcher", "2.9.35", [1]),
        ("AllWatcher", "2.9.36", [1, 2, 3]),
        ("AllWatcher", "4.0.1", []),
        ("ModelManager", "3.6.9", [9, 10]),
        ("Nothing", "2.6.4", []),
    ],
)
def test_facade_versions_by_era(facade: str, version: str, versions: list[int]) -> None:
    assert list(offered(facade, Number.parse(version))) == versions


def test_passwords() -> None:
    agent = auth.hash_agent_password("a" * 24)
    assert auth.check_password("a" * 24, agent)
    assert not auth.check_password("b" * 24, agent)
    user = auth.hash_user_password("secret")
    assert auth.check_password("secret", user)
    assert not auth.check_password("Secret", user)
    assert user != auth.hash_user_password("secret")
    assert not auth.check_password("", "")


@pytest.mark.parametrize(
    ("text", "controller_version", "url"),
    [
        ("ubuntu", "2.6.4", "cs:ubuntu-1"),
        ("cs:ubuntu-12", "2.6.4", "cs:ubuntu-12"),
        ("cs:bionic/ubuntu-12", "2.6.4", "cs:ubuntu-12"),
        ("cs:~who/ubuntu-12", "2.6.4", "cs:ubuntu-12"),
        ("ubuntu", "3.6.0", "ch:amd64/bionic/ubuntu-1"),
        ("ch:ubuntu", "2.6.4", "ch:amd64/bionic/ubuntu-1"),
    ],
)
def test_charm_names(text: str, controller_version: str, url: str) -> None:
    assert charms.parse(text, Number.parse(controller_version), "bionic", "amd64").url == url


@pytest.mark.parametrize("text", ["", "UPPER", "a b", "../x", "cs:", "http://x/y"])
def test_charm_names_that_are_none(text: str) -> None:
    with pytest.raises(RpcError, match="cannot parse"):
        charms.parse(text, Number(2, 6, 4), "bionic", "amd64")


@pytest.mark.parametrize(
    "changes",
    [{"agent-version": "2.7.0"}, {"uuid": "x"}, {"test-mode": "perhaps"}, {"x": None}, {"agent-stream": "A B"}],
)
def test_settings_that_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(JujulabError):
        check(changes)


def test_a_new_request_takes_the_place_of_an_upgrade_that_is_not_over(tmp_path: Path) -> None:
    def fill(tx: Tx) -> list[tuple[str, str]]:
        prepare(tx)
        machines.add(tx, MODEL, "bionic", "amd64")
        upgrades.start(tx, MODEL, "2.6.5", "admin", {})
        second = upgrades.start(tx, MODEL, "2.6.10", "admin", {})
        assert [row.tag for row in upgrades.agents_of(tx.db, second)] == ["machine-0"]
        assert models.get(tx.db, MODEL).agent_version == "2.6.10"
        return [(row.to_version, row.status) for row in upgrades.of_model(tx.db, MODEL)]

    async def run() -> list[tuple[str, str]]:
        store = Store(tmp_path / "s.db", lambda _: None)
        try:
            return await store.write(fill)
        finally:
            store.close()

    assert asyncio.run(run()) == [("2.6.10", "running"), ("2.6.5", "aborted")]
