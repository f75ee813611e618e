"""A lab whose processes can be stopped at a boundary and killed there.

How a process is stopped: :mod:`jujulab_core.boundary`. Every upgrade goes one patch version up, so that one lab will do
for as many as are wanted; what is upgraded, and how: :mod:`tests.chaos.upgrade_kinds`.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from docker import DockerClient
from docker.errors import APIError
from docker.models.containers import Container

from jujulab_core.waiting import Deadline, wait_for
from tests.e2e import support
from tests.e2e.support import Juju, Lab, run
from tests.support.own_engine import OwnEngine

WRENCH = "/var/lib/juju/wrench"
ITSELF = "itself"
KILLED = ("orchestrator", "controller", "machine-agent", "unit-agent", "sshd")
RESTARTED = ("machine", "controller", "orchestrator", "streams")
ENGINE = "Docker engine"
VICTIMS = (ITSELF, *KILLED, *(f"container of the {what}" for what in RESTARTED), ENGINE)
# Whatever happens, a process comes to a boundary within this time.
REACH_SECONDS = 150.0
_FIRST_PATCH = 100
# Above all good ones.
_BAD_PATCH = 9999
_PLACES = ("controller", "orchestrator", "machine")
# The orchestrator is less patient than usual with whoever does not answer, only so that the map takes less time.
_LAB_FILE = """
lab: {name}
controller: {{name: {controller}, agent-version: 2.6.4}}
models:
  default: {{machines: 2, applications: {{ubuntu: {{units: 2}}}}}}
deadlines: {{stage-help: 3, look: 3, ask: 3}}
"""
# Versions that are published together: their index is signed once.
_AT_ONCE = 20


@dataclass(frozen=True)
class Boundary:
    """A step's edge that an upgrade passes.

    Attributes:
        upgrade: The kind of the upgrade.
        name: PROCESS/STEP.
        place: Where: ``controller``, ``orchestrator`` or ``machine``.
    """

    upgrade: str
    name: str
    place: str

    @property
    def process(self) -> str:
        """Which process passes it."""
        return self.name.partition("/")[0]


@dataclass
class CrashLab:
    """A lab of two machines with a unit each.

    Attributes:
        lab: The lab.
        places: Its containers by place; ``machine`` is the first machine, which is where things are broken.
        engine: The engine that runs it, where that may be restarted.
    """

    lab: Lab
    places: dict[str, Container]
    engine: OwnEngine | None = None
    _asked: dict[str, int] = field(default_factory=dict)

    def next_version(self, minor: str) -> str:
        """The next patch version of a minor one, which is there to be upgraded to."""
        count = self._asked.get(minor, 0)
        self._asked[minor] = count + 1
        if count % _AT_ONCE == 0:
            # Each with an upgrade step of its own, as few patch versions of Juju have one.
            versions = [f"{minor}.{_FIRST_PATCH + count + number}" for number in range(_AT_ONCE)]
            self._publish(*versions, "--step", "note that this version was here")
        return f"{minor}.{_FIRST_PATCH + count}"

    def bad_version(self, minor: str) -> str:
        """A version whose agents crash as soon as they start."""
        version = f"{minor}.{_BAD_PATCH}"
        if not self._asked.get(version):
            self._asked[version] = 1
            self._publish(version, "--defect", "crash-on-start")
        return version

    def _publish(self, *words: str) -> None:
        run(self.places["streams"], shlex.join(["jujulab-publish", "publish", *words]))

    @property
    def victims(self) -> tuple[str, ...]:
        """Who can be killed here."""
        return tuple(victim for victim in VICTIMS if victim != ENGINE or self.engine is not None)

    def spared(self, victim: str) -> set[str]:
        """The machines whose workloads must live on when this one is killed: all that keep their power."""
        machines = {str(machine.name) for machine in self.lab.machines()}
        if victim == ENGINE:
            return set()
        return machines - {str(self.places["machine"].name)} if victim == "container of the machine" else machines

    def running_workloads(self) -> dict[str, str]:
        """When each workload's process was started, once all run: a machine that had lost its power may still boot."""

        def probe() -> tuple[dict[str, str] | None, str]:
            try:
                found = self.lab.workloads()
            except (AssertionError, APIError) as error:
                return None, f"a look at the workloads: {error}"
            down = [name for name, said in found.items() if not re.search("MainPID=[1-9]", said)]
            return (None, f"the workloads of {', '.join(down)} to run") if down else (found, "")

        return wait_for(probe, Deadline(REACH_SECONDS), 0.1)

    def kill(self, victim: str, boundary: Boundary) -> None:
        """Kills a process with SIGKILL, or a container as a loss of power does; returns at once.

        The engine is told to stop, as at a shutdown of the host, and is back when this returns. It is written into the
        lab's history: what the controller had begun to fetch then, it fetches again.
        """
        who = boundary.process if victim == ITSELF else victim
        hit = f"{who}, and with it the controller" if victim == ENGINE else who
        with self.lab.recorder("crash").operation("kill", {"target": hit}):
            self._kill(victim, boundary)

    def _kill(self, victim: str, boundary: Boundary) -> None:
        if victim == ENGINE:
            assert self.engine is not None
            self.engine.stop()
            self.engine.start()
            return
        process = boundary.process if victim == ITSELF else victim
        kind, _, what = process.rpartition(" of the ")
        if kind:
            self._settled(what).restart(timeout=0)
        elif process == "orchestrator":
            container = self._settled("orchestrator")
            container.reload()
            os.kill(int(container.attrs["State"]["Pid"]), signal.SIGKILL)
        else:
            self._kill_in(process, boundary)

    def _kill_in(self, process: str, boundary: Boundary) -> None:
        machine = "controller" if boundary.upgrade == "controller" else "machine"
        if process == boundary.process:
            machine = boundary.place
        place, command = {
            "controller": ("controller", "systemctl kill -s KILL jujud-controller"),
            "machine-agent": (machine, "systemctl kill -s KILL jujud-machine-0"),
            "unit-agent": ("machine", "systemctl kill -s KILL 'jujud-unit-*'"),
            "upgradectl": (machine, "pkill -KILL -x upgradectl"),
            "sshd": (machine, "pkill -KILL -x sshd"),
        }[process]
        # Nobody may be there to be killed: it is between two lives.
        self._do(place, f"{command} || true")

    def _settled(self, place: str) -> Container:
        """The container, once it runs: another kill may just have ended it."""
        container = self.places[place]

        def probe() -> tuple[bool | None, str]:
            container.reload()
            return container.status == "running" or None, f"container {container.name} to run"

        wait_for(probe, Deadline(REACH_SECONDS), 0.05)
        return container

    def stop_at(self, boundary: Boundary) -> None:
        """The next process that comes to this boundary stops there."""
        run(self.places[boundary.place], f"echo {boundary.name} >{WRENCH}/stop-at")

    def wait_stopped(self, boundary: Boundary) -> bool:
        """Waits until a process has stopped at the boundary; says whether one has."""
        command = f"until [ -e {WRENCH}/stopped-at ]; do sleep 0.02; done"
        words = ["timeout", str(REACH_SECONDS), "sh", "-c", command]
        return self.places[boundary.place].exec_run(words)[0] == 0

    def release(self, boundary: Boundary) -> None:
        """Lets whoever has stopped go on, perhaps to the next boundary where one stops."""
        run(self.places[boundary.place], f"rm {WRENCH}/stopped-at")

    def let_go(self, boundary: Boundary) -> None:
        """Lets whoever has stopped, and is still there, go on; nobody stops any more."""
        self._do(boundary.place, f"rm -f {WRENCH}/stop-at {WRENCH}/stopped-at")

    def _do(self, place: str, command: str) -> None:
        """Runs a command in a container that may just be going down or coming up."""

        def probe() -> tuple[bool | None, str]:
            try:
                code, _ = self._settled(place).exec_run(["sh", "-c", command])
            except APIError as error:
                return None, f"{place} to take commands ({error.explanation})"
            return code == 0 or None, f"{place} to run {command}, which ended with {code}"

        wait_for(probe, Deadline(REACH_SECONDS), 0.1)

    def note_passed(self) -> None:
        """From now on each process notes the boundaries that it passes."""
        for place in _PLACES:
            run(self.places[place], f": >{WRENCH}/passed")

    def passed(self, upgrade: str) -> list[Boundary]:
        """The boundaries that were passed since then, each once, in their order."""
        passed: list[tuple[float, Boundary]] = []
        for place in _PLACES:
            for line in run(self.places[place], f"cat {WRENCH}/passed && rm {WRENCH}/passed").splitlines():
                moment, name = line.split()
                passed.append((float(moment), Boundary(upgrade, name, place)))
        return list(dict.fromkeys(boundary for _, boundary in sorted(passed, key=lambda entry: entry[0])))


@contextmanager
def crash_lab(docker: DockerClient, data: Path, name: str, engine: OwnEngine | None = None) -> Iterator[CrashLab]:
    """A lab for the time of the block, its controller a minor version above its model.

    Args:
        docker: The engine.
        data: The client store.
        name: The lab's name.
        engine: The same engine, where it may be restarted.
    """
    juju = Juju(data, engine.inside, engine.address) if engine else None
    controller = f"{name}-aws"
    file = data.with_suffix(".yaml")
    file.write_text(_LAB_FILE.format(name=name, controller=controller))
    with support.lab(docker, data, name, controller, str(file), juju=juju) as lab:
        places = {role: lab.container(role) for role in ("controller", "orchestrator", "streams")}
        places["machine"] = lab.machine(0)
        made = CrashLab(lab, places, engine)
        for container in (*places.values(), lab.machine(1)):
            run(container, f"mkdir -p {WRENCH}")
        # Above all that its models will ever get.
        lab.juju("upgrade-controller", "--agent-version", made.next_version("2.7"), "--wait")
        yield made
