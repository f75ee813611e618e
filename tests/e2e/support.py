"""What the end-to-end tests drive a lab with: the command line, as its users have it, and Docker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker import DockerClient
from docker.models.containers import Container

from jujulab.history.checker import check
from jujulab.history.event import FILE_NAME, read
from jujulab.history.observer import Observer
from jujulab.history.recorder import Recorder
from jujulab.history.verdict import State
from jujulab.lab.engine import Engine
from jujulab.store import Store
from jujulab_core.waiting import Deadline, wait_for

PROGRAM = Path(sys.executable).parent / "jujulab"
# Longer than `up` takes by itself, which then says what it has waited for.
SECONDS = 660
_HEARD_SECONDS = 10.0


@dataclass
class Juju:
    """Runs the command line with a client store of its own.

    Attributes:
        data: The client store.
        prefix: What the command is run by, such as a change of the network namespace.
        docker_host: The engine's address; empty for the usual one.
    """

    data: Path
    prefix: tuple[str, ...] = ()
    docker_host: str = ""

    def __call__(self, *words: str, expect: int | None = 0, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Runs ``jujulab WORDS``; fails the test unless it ends as expected (None: in any way)."""
        done = subprocess.run(
            [*self.prefix, PROGRAM, *words],
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            input=stdin,
        )
        if expect is not None:
            said = f"{' '.join(words)}: exit {done.returncode}\n--- stdout\n{done.stdout}\n--- stderr\n{done.stderr}"
            assert done.returncode == expect, said
        assert "Traceback" not in done.stderr
        return done

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Starts ``jujulab WORDS`` without waiting for it."""
        return subprocess.Popen(
            [*self.prefix, PROGRAM, *words],
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _environment(self) -> dict[str, str]:
        engine = {"DOCKER_HOST": self.docker_host} if self.docker_host else {}
        return {**os.environ, "JUJULAB_DATA": str(self.data), **engine}

    def json(self, *words: str) -> Any:
        """What a command prints with ``--format json``."""
        return json.loads(self(*words, "--format", "json").stdout)


@dataclass
class Lab:
    """A lab that is up."""

    name: str
    controller: str
    juju: Juju
    docker: DockerClient

    def container(self, role: str) -> Container:
        """The container of the controller, the orchestrator or the streams."""
        return self.docker.containers.get(f"jujulab-{self.name}-{role}")

    def machine(self, number: int, model: str = "default") -> Container:
        """The container of a machine."""
        uuid = self.juju.json("show-model", f"{self.controller}:{model}")[model]["model-uuid"]
        return self.docker.containers.get(f"jujulab-{self.name}-juju-{uuid[-6:]}-{number}")

    def machines(self) -> list[Container]:
        """The containers of all machines of hosted models."""
        return self.docker.containers.list(
            filters={"label": [f"io.jujulab.lab={self.name}", "io.jujulab.role=machine"]}
        )

    def status(self, model: str = "default") -> Any:
        """``juju status`` of a model, as data."""
        return self.juju.json("status", "-m", f"{self.controller}:{model}")

    def versions(self, model: str = "default") -> dict[str, str]:
        """The version that each agent of a model reports, by machine id or unit name."""
        return dict(_versions(self.status(model)))

    def fetched(self) -> dict[str, int]:
        """How often each agent binary was fetched from the internet."""
        counts: dict[str, int] = {}
        for line in run(self.container("streams"), "cat /var/log/nginx/access.log").splitlines():
            entry = json.loads(line)
            if entry["uri"].endswith(".tgz") and entry["method"] == "GET":
                name = entry["uri"].rpartition("/")[2]
                counts[name] = counts.get(name, 0) + 1
        return counts

    def recorder(self, name: str) -> Recorder:
        """Writes into the lab's history; for what a test does past the command line."""
        return Recorder(Store(self.juju.data).lab_dir(self.name) / FILE_NAME, name)

    def workloads(self) -> dict[str, str]:
        """When each workload's process was started, by machine and service."""
        command = (
            "cd /etc/systemd/system; for unit in *-[0-9]*.service; do case $unit in jujud-*) continue ;; esac; "
            "echo $unit $(systemctl show -p MainPID -p ExecMainStartTimestampMonotonic $unit); done"
        )
        return {machine.name: _whole(machine, command) for machine in self.machines()}


def run(container: Container, command: str) -> str:
    """Runs a shell command in a container; fails the test if it fails."""
    code, output = container.exec_run(["sh", "-c", command])
    assert code == 0, f"{command}: exit {code}\n{output.decode()}"
    return str(output.decode())


def _whole(container: Container, command: str) -> str:
    """What a command prints, all of it: on a busy host the engine has lost what one had said before it ended."""

    def probe() -> tuple[str | None, str]:
        said = run(container, f"{command}; echo end")
        return said.removesuffix("end\n") if said.endswith("end\n") else None, f"all that {container.name} says"

    return wait_for(probe, Deadline(_HEARD_SECONDS))


def _versions(status: Any) -> Iterator[tuple[str, str]]:
    for number, machine in status["machines"].items():
        yield number, machine["juju-status"]["version"]
    for application in status["applications"].values():
        for name, unit in application.get("units", {}).items():
            yield name, unit["juju-status"]["version"]
            for subordinate, entry in unit.get("subordinates", {}).items():
                yield subordinate, entry["juju-status"]["version"]


class Watch:
    """Looks at a lab while its tests run, and holds the design's invariants against all that was seen."""

    def __init__(self, watched: Lab) -> None:
        store = Store(watched.juju.data)
        recorder = watched.recorder("observer")
        self._path = recorder.path
        self._engine = Engine()
        self._observer = Observer(self._engine, store, watched.name, recorder)

    def __enter__(self) -> Watch:
        self._observer.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._observer.__exit__()
        self._engine.__exit__()

    def violations(self) -> list[str]:
        """What was violated so far; the lab must have come to rest."""
        self._observer.settled()
        report = check(read(self._path)[0])
        assert not [found.text for _, found in report.verdicts if found.state is State.UNKNOWN]
        return [
            f"{invariant.name}: {found.text}" for invariant, found in report.verdicts if found.state is State.VIOLATED
        ]


@contextmanager
def lab(
    docker: DockerClient, data: Path, name: str, controller: str, *up: str, juju: Juju | None = None
) -> Iterator[Lab]:
    """A lab for the time of the block; at its end the design's invariants hold, and nothing of it is left behind it."""
    juju = juju or Juju(data)
    try:
        juju("up", *up)
        yield Lab(name, controller, juju, docker)
        juju("check-history", "--lab", name)
    finally:
        # What matters is what is left, also where there was never much of a lab.
        juju("down", name, "-y", expect=None)
    assert left_behind(docker, name) == []
    assert not (data / "labs" / name).exists()


def left_behind(docker: DockerClient, name: str) -> list[str]:
    """Containers, networks and volumes of a lab that are still there."""
    filters = {"label": f"io.jujulab.lab={name}"}
    found = [container.name for container in docker.containers.list(all=True, filters=filters)]
    found += [network.name for network in docker.networks.list(filters=filters)]
    return found + [volume.name for volume in docker.volumes.list(filters=filters)]
