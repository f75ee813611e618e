"""The commands against a real controller's process on the loopback; only the machines' containers are left out."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from jujulab.cli import main
from jujulab.lab import provision
from jujulab.store import Store
from jujulab_core.rpc import Client
from jujulab_core.version import Number, binary_series
from jujulab_core.waiting import Deadline, wait_for
from tests.support.controller_process import ADMIN_PASSWORD, Controller, Machine, Streams, running

WAIT_SECONDS = 30


def binary(version: str) -> str:
    """The agent binary that a machine of bionic runs."""
    return f"{version}-{binary_series(Number.parse(version), 'bionic')}-amd64"


class Done(NamedTuple):
    code: int
    out: str
    err: str


class Lab:
    """A controller, a client store that knows it, and agents that log in as soon as a machine is wanted."""

    def __init__(self, controller: Controller, capsys: pytest.CaptureFixture[str]) -> None:
        self.controller = controller
        self.machines: dict[str, Machine] = {}
        # How often containers were to be made and removed.
        self.provisioned = 0
        self.zero = controller.machine_zero()
        self.report_zero(controller.version)
        self._capsys = capsys

    def run(self, line: str) -> Done:
        code = main.run(shlex.split(line))
        return Done(code, *self._capsys.readouterr())

    def ok(self, line: str) -> str:
        done = self.run(line)
        assert done.code == 0, done
        return done.out

    def log_in_machines(self, client: Client, _name: str, _report: Any) -> None:
        self.provisioned += 1
        for wanted in client.call("LabProvisioner", "Pending")["machines"]:
            machine = Machine(self.controller, wanted["model-uuid"], wanted["id"])
            machine.report(binary(self.controller.version))
            self.machines[wanted["id"]] = machine

    def report_zero(self, version: str) -> None:
        tools = {"agent-tools": [{"tag": "machine-0", "tools": {"version": binary(version)}}]}
        self.zero.call("Upgrader", "SetTools", tools)
        entity = {"entities": [{"tag": "machine-0", "status": "started", "info": "", "data": {}}]}
        self.zero.call("Machiner", "SetStatus", entity)

    def record(self, changes: dict[str, tuple[str, str]], status: str = "", reason: str = "") -> None:
        """Does what an orchestrator does: writes phases into the record of the upgrade that runs."""
        with self.controller.orchestrator() as client:

            def active() -> tuple[dict[str, Any] | None, str]:
                found = client.call("LabOrchestrator", "ActiveUpgrades")["upgrades"]
                return (found[0] if found else None), "an upgrade"

            upgrade = wait_for(active, Deadline(WAIT_SECONDS), 0.05)
            token = client.call("LabOrchestrator", "Claim", {"holder": "test", "ttl": 15})["token"]
            rows = [
                {"tag": tag, "phase": phase, "reason": why, "deadline": None} for tag, (phase, why) in changes.items()
            ]
            params = {"token": token, "upgrade": upgrade["id"], "changes": rows, "reason": reason}
            client.call("LabOrchestrator", "Record", params | ({"status": status} if status else {}))


@contextlib.contextmanager
def live(
    streams: Streams,
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    version: str = "2.6.4",
) -> Iterator[Lab]:
    """A lab whose client store is of its own."""
    for name in ("JUJU_MODEL", "JUJU_CONTROLLER", "JUJULAB_CLIENT_VERSION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JUJULAB_DATA", str(directory / "store"))
    monkeypatch.setenv("TZ", "UTC")
    # A 3.x refuses machines of bionic.
    series = "jammy" if Number.parse(version).major >= 3 else "bionic"
    with running(directory / "controller", streams, version, series) as controller:
        Store.default().add_controller(
            "aws",
            controller.uuid,
            [f"127.0.0.1:{controller.port}"],
            controller.ca,
            "docker",
            "test",
            controller.version,
            "admin",
            ADMIN_PASSWORD,
        )
        made = Lab(controller, capsys)
        monkeypatch.setattr(provision, "provision_pending", made.log_in_machines)
        yield made
        for client in (made.zero, *(machine.client for machine in made.machines.values())):
            client.close()
