from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

from jujulab_core.errors import ConnectionLost, RpcError
from jujulab_core.rpc import Client
from jujulab_core.waiting import Deadline, wait_for
from tests.support.controller_process import Controller, add_model, running


def test_whatever_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    """Several clients write while the process is killed again and again; every answered write is there after."""
    acknowledged: list[str] = []
    lock = threading.Lock()

    def write(client: Client, name: str) -> None:
        for count in range(10_000):
            try:
                client.call("ModelConfig", "ModelSet", {"config": {f"{name}-{count}": "x"}}, timeout=10)
            except (ConnectionLost, RpcError):
                return
            with lock:
                acknowledged.append(f"{name}-{count}")

    with running(tmp_path / "c") as controller:
        with controller.admin() as admin:
            model = add_model(admin)
        for round_ in range(3):
            clients = [controller.admin(model) for _ in range(4)]
            threads = [
                threading.Thread(target=write, args=(client, f"key-{round_}-{at}")) for at, client in enumerate(clients)
            ]
            before = len(acknowledged)
            for thread in threads:
                thread.start()
            wait_for(
                lambda before=before: (True if len(acknowledged) >= before + 40 else None, "enough writes"),
                Deadline(30),
                0.01,
            )
            controller.kill()
            for thread in threads:
                thread.join(20)
            for client in clients:
                client.close()
            controller.start()
        with controller.admin(model) as client:
            config = client.call("ModelConfig", "ModelGet")["config"]
    missing = [key for key in acknowledged if key not in config]
    assert missing == []
    assert len(acknowledged) >= 120
    connection = sqlite3.connect(controller.database)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()


def test_a_first_start_that_is_killed_begins_again(tmp_path: Path) -> None:
    controller = Controller(tmp_path / "c")
    params = (tmp_path / "c" / "data" / "bootstrap-params").read_text()
    try:
        controller.start()
        controller.kill()
        # As if the kill had come before the parameters were deleted.
        (tmp_path / "c" / "data" / "bootstrap-params").write_text(params)
        (tmp_path / "c" / "data" / "bootstrap-tools.tar.gz").write_bytes(b"the first binary")
        controller.start()
        with controller.admin() as admin:
            assert len(admin.call("LabProvisioner", "Binaries")["binaries"]) == 1
        assert not (tmp_path / "c" / "data" / "bootstrap-params").exists()
        assert controller.stop() == 0
    finally:
        controller.stop()


def test_the_lease_changes_hands_only_when_it_is_over(tmp_path: Path) -> None:
    with running(tmp_path / "c") as controller, controller.orchestrator() as orchestrator:

        def claim(holder: str, ttl: float) -> tuple[bool, int]:
            answer = orchestrator.call("LabOrchestrator", "Claim", {"holder": holder, "ttl": ttl})
            return answer["granted"], answer["token"]

        assert claim("a", 30) == (True, 1)
        assert claim("b", 30) == (False, 1)
        assert claim("a", 0.01) == (True, 1)
        controller.kill()
        controller.start()
        with controller.orchestrator() as again:
            answer = again.call("LabOrchestrator", "Claim", {"holder": "b", "ttl": 30})
            assert (answer["granted"], answer["token"]) == (True, 2)


def test_an_orchestrator_that_is_gone_keeps_nobody_waiting(tmp_path: Path) -> None:
    with running(tmp_path / "c") as controller, controller.orchestrator() as second:
        with controller.orchestrator() as first:
            assert first.call("LabOrchestrator", "Claim", {"holder": "a", "ttl": 300})["token"] == 1

        def claim() -> tuple[int | None, str]:
            answer = second.call("LabOrchestrator", "Claim", {"holder": "b", "ttl": 300})
            return answer["token"] if answer["granted"] else None, "the lease of who is gone to be given up"

        assert wait_for(claim, Deadline(20)) == 2
