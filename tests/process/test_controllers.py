"""Several controllers on one state: who leads, what the others do, and how they upgrade together."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from jujulab_core.errors import JujulabError, RpcError
from jujulab_core.rpc import Client, connect
from jujulab_core.waiting import Deadline, wait_for
from tests.support.controller_process import (
    ADMIN_PASSWORD,
    Controller,
    Machine,
    Streams,
    free_port,
    running,
)

SECONDS = 20


@pytest.fixture
def first(tmp_path: Path) -> Iterator[Controller]:
    with running(tmp_path / "first") as controller:
        yield controller


class Other:
    """Another controller on the state of the first one."""

    def __init__(self, directory: Path, first: Controller, machine_id: str, version: str) -> None:
        self.first, self.port = first, free_port()
        self.log = directory / "stderr"
        (directory / "data").mkdir(parents=True)
        (directory / "data" / "db").symlink_to(first.directory / "data" / "db")
        with self.log.open("ab") as stderr:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "jujulab_controller", "--data-dir", str(directory / "data")),
                    *("--log-dir", str(directory / "log"), "--agent-version", version),
                    *("--listen", f"127.0.0.1:{self.port}", "--machine-id", machine_id),
                ],
                stderr=stderr,
            )
        self.wait_for("handing connections on")

    def wait_for(self, words: str) -> None:
        wait_for(lambda: (words in self.log.read_text() or None, f'"{words}" in {self.log}'), Deadline(SECONDS), 0.02)

    def admin(self) -> Client:
        def probe() -> tuple[Client | None, str]:
            try:
                client = connect([f"127.0.0.1:{self.port}"], self.first.ca, timeout=5)
                client.log_in("user-admin", ADMIN_PASSWORD)
            except JujulabError as error:
                return None, str(error)
            return client, ""

        return wait_for(probe, Deadline(SECONDS), 0.05)


@contextmanager
def another(directory: Path, first: Controller, machine_id: str, version: str = "2.6.4") -> Iterator[Other]:
    made = Other(directory, first, machine_id, version)
    try:
        yield made
    finally:
        made.process.send_signal(signal.SIGTERM)
        assert made.process.wait(SECONDS) == 0


def models(client: Client) -> set[str]:
    found = client.call("ModelManager", "ListModels", {"tag": "user-admin"})["user-models"]
    return {entry["model"]["name"] for entry in found}


def test_another_one_hands_connections_on(first: Controller, tmp_path: Path) -> None:
    with another(tmp_path / "second", first, "1") as second, second.admin() as there, first.admin() as here:
        there.call("ModelManager", "CreateModel", {"name": "made", "owner-tag": "user-admin"})
        assert models(here) == models(there) == {"controller", "made"}


def test_what_was_acknowledged_is_there_when_the_leader_is_killed(first: Controller, tmp_path: Path) -> None:
    with another(tmp_path / "second", first, "1") as second, another(tmp_path / "third", first, "2") as third:
        with second.admin() as client:
            client.call("ModelManager", "CreateModel", {"name": "made", "owner-tag": "user-admin"})
            first.kill()
            # It was carried to the one that is gone.
            wait_for(lambda: (not client.is_open or None, "the connection to end"), Deadline(SECONDS), 0.02)
        for survivor in (second, third):
            with survivor.admin() as client:
                assert models(client) == {"controller", "made"}
        leading = [other for other in (second, third) if "this controller leads" in other.log.read_text()]
        assert len(leading) == 1


def test_connections_wait_while_nobody_leads(first: Controller, tmp_path: Path) -> None:
    """They are neither refused nor dropped: real clients do not recover from either."""
    with another(tmp_path / "second", first, "1") as second:
        first.kill()
        with closing(socket.create_connection(("127.0.0.1", second.port), timeout=5)):
            pass
        with second.admin() as client:
            assert models(client) == {"controller"}
        # And it comes back as one that follows.
        with first.start().admin() as client:
            assert models(client) == {"controller"}


@pytest.fixture
def three(tmp_path: Path) -> Iterator[tuple[Controller, list[Machine]]]:
    """A controller on 2.7.1, and the machines of two more, whose agents are there and whose controllers are not."""
    streams = Streams(tmp_path / "tools")
    streams.publish("2.7.1-bionic-amd64", "2.7.8-bionic-amd64")
    with running(tmp_path / "first", streams, "2.7.1") as controller:
        with controller.admin() as admin:
            answer = admin.call("HighAvailability", "EnableHA", {"specs": [{"num-controllers": 3}]})
        assert answer["results"][0]["result"] == {
            "maintained": ["machine-0"],
            "added": ["machine-1", "machine-2"],
            "removed": [],
            "converted": [],
        }
        others = [Machine(controller, controller.model, number) for number in ("1", "2")]
        for other in others:
            assert other.seed["agent-conf"]["jobs"] == ["JobManageModel", "JobHostUnits"]
            other.report("2.7.1-bionic-amd64")
        with controller.machine_zero() as zero:
            report(zero, "2.7.1-bionic-amd64")
        yield controller, others
        for other in others:
            other.client.close()
    streams.close()


def report(zero: Client, version: str) -> None:
    tools = {"agent-tools": [{"tag": "machine-0", "tools": {"version": version}}]}
    assert zero.call("Upgrader", "SetTools", tools) == {"results": [{}]}


def upgrade(controller: Controller) -> None:
    with controller.admin(controller.model) as client:
        client.call("Client", "SetModelAgentVersion", {"version": "2.7.8"})


def test_one_that_is_down_stops_an_upgrade_before_it_starts(
    three: tuple[Controller, list[Machine]], tmp_path: Path
) -> None:
    controller, _ = three
    with another(tmp_path / "one", controller, "1", "2.7.1"):
        with pytest.raises(RpcError, match=r"^unable to upgrade, database node 3 \(juju-.*-2:37017\) has state DOWN$"):
            upgrade(controller)
        with another(tmp_path / "two", controller, "2", "2.7.1"):
            upgrade(controller)


def test_they_upgrade_behind_the_one_that_leads(three: tuple[Controller, list[Machine]], tmp_path: Path) -> None:
    controller, (one, two) = three

    def stands(client: Client) -> dict[str, object]:
        return dict(client.call("LabAgent", "Controllers", {"version": "2.7.8"}))

    with controller.machine_zero() as zero:
        # What an earlier upgrade to the same version has left counts for nothing.
        zero.call("LabAgent", "PrimaryDone", {"version": "2.7.8", "what": "database"})
        with another(tmp_path / "one", controller, "1", "2.7.1"), another(tmp_path / "two", controller, "2", "2.7.1"):
            upgrade(controller)
        nobody = {"alone": False, "database-done": False, "primary-done": False}
        assert stands(zero) == {**nobody, "primary": True, "behind": ["0", "1", "2"]}
        assert stands(one.client) == {**nobody, "primary": False, "behind": ["0", "1", "2"]}
        report(zero, "2.7.8-bionic-amd64")
        two.report("2.7.8-bionic-amd64")
        assert stands(zero)["behind"] == ["1"]
        zero.call("LabAgent", "PrimaryDone", {"version": "2.7.8", "what": "database"})
        assert (stands(one.client)["database-done"], stands(one.client)["primary-done"]) == (True, False)
        zero.call("LabAgent", "PrimaryDone", {"version": "2.7.8", "what": "primary"})
        assert stands(one.client)["primary-done"]


def test_no_more_than_an_odd_number_and_no_fewer_than_there_are(three: tuple[Controller, list[Machine]]) -> None:
    controller, _ = three
    with controller.admin() as admin:
        for count, why in (
            (2, "number of controllers must be odd and non-negative"),
            (1, "cannot reduce controller count"),
            (9, "controller count is too large (allowed 7)"),
        ):
            answer = admin.call("HighAvailability", "EnableHA", {"specs": [{"num-controllers": count}]})
            assert answer["results"][0]["error"]["message"] == why


def test_the_last_one_is_not_removed(three: tuple[Controller, list[Machine]]) -> None:
    controller, _ = three
    with controller.admin(controller.model) as client:

        def remove(machine: str) -> str:
            tags = {"machine-tags": [f"machine-{machine}"], "force": False}
            (result,) = client.call("MachineManager", "DestroyMachineWithParams", tags)["results"]
            return str((result.get("error") or {}).get("message", ""))

        assert [remove(machine) for machine in ("1", "2", "0")] == ["", "", "machine 0 is required by the model"]
