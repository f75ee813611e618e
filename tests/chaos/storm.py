"""Carries out the bad things, one after the other, and mends them when their time has come."""

from __future__ import annotations

import heapq
import threading
import time
from collections import Counter
from collections.abc import Sequence

from docker.errors import APIError
from docker.models.containers import Container

from jujulab.faults import making, registry
from jujulab.faults.ledger import Ledger
from jujulab.faults.model import Record, Scene
from jujulab.history.recorder import Recorder
from jujulab.lab import controllers, names
from jujulab.lab.engine import Engine, docker_errors
from jujulab_core.errors import JujulabError
from jujulab_core.waiting import Deadline, wait_for
from tests.chaos.schedule import KILL, OPTIONS, RESTART, Stroke

# The services of each role that a kill hits; a machine's are its agents, all at once.
_CONTROLLER_SERVICE = "jujud-controller"


class Storm:
    """The disturbances of one lab. :meth:`run` in a thread of its own; :meth:`calm` when all is over."""

    def __init__(self, engine: Engine, lab: str, model: str, recorder: Recorder) -> None:
        """Prepares.

        Args:
            engine: Where the lab is.
            lab: Its name.
            model: The UUID of the model whose machines are hit.
            recorder: Where to write what is done.
        """
        self._engine = engine
        self._scene = Scene(engine, lab)
        self._model = model
        self._recorder = recorder
        self._records: dict[int, Record] = {}
        self.counts: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()

    def run(self, strokes: Sequence[Stroke], ended: threading.Event) -> None:
        """Strikes and mends by the clock until nothing is left to do, or somebody has ended it."""
        start = time.monotonic()
        queue: list[tuple[float, int, bool]] = [(stroke.at, number, True) for number, stroke in enumerate(strokes)]
        heapq.heapify(queue)
        while queue and not ended.wait(max(queue[0][0] - (time.monotonic() - start), 0)):
            _, number, begins = heapq.heappop(queue)
            stroke = strokes[number]
            if begins and self._strike(number, stroke) and stroke.lasts:
                # By the schedule, however late this one was: the next of its kind must find it mended.
                heapq.heappush(queue, (stroke.at + stroke.lasts, number, False))
            elif not begins:
                self._mend(number)

    def calm(self, deadline: Deadline) -> None:
        """Mends all that is still broken and starts whatever container does not run.

        Raises:
            DeadlineError: Something could not be mended in time.
        """
        ledger = Ledger(self._engine, self._scene.lab)

        def probe() -> tuple[bool | None, str]:
            try:
                for container in self._engine.containers(self._scene.lab):
                    if container.status != "running":
                        _start(container)
                for record in sorted(ledger.records(), key=lambda one: one.id, reverse=True):
                    with self._recorder.operation("heal", {"kind": record.kind, "targets": list(record.targets)}):
                        making.heal(self._scene, record)
            except (JujulabError, APIError) as error:
                return None, f"the faults to be mended: {error}"
            return True, ""

        wait_for(probe, deadline, 2.0)

    def _strike(self, number: int, stroke: Stroke) -> bool:
        """Does it; whether there is something to mend afterwards. What cannot be done now was not done."""
        value = {"kind": stroke.kind, "target": stroke.target}
        function = stroke.kind if stroke.kind in (KILL, RESTART) else "fault"
        try:
            with self._recorder.operation(function, value):
                if stroke.kind == KILL:
                    self._kill(stroke.target, number)
                elif stroke.kind == RESTART:
                    self._restart(stroke.target, number)
                else:
                    target = (self._named(stroke.target),) if stroke.target else ()
                    # The controller's name is the lab's.
                    record = making.inject(
                        self._scene, self._scene.lab, stroke.kind, target, OPTIONS.get(stroke.kind, {})
                    )
                    if not registry.find(stroke.kind).at_once:
                        self._records[number] = record
        except (JujulabError, APIError) as error:
            self.failures[f"{stroke.kind}: {error}"] += 1
            return False
        self.counts[stroke.kind] += 1
        return number in self._records

    def _named(self, target: str) -> str:
        return f"default:machine-{target}" if target.isdigit() else target

    def _mend(self, number: int) -> None:
        record = self._records.pop(number)
        try:
            with self._recorder.operation("heal", {"kind": record.kind, "targets": list(record.targets)}):
                making.heal(self._scene, record)
        except (JujulabError, APIError) as error:
            # The ledger still knows it; the end mends it.
            self.failures[f"heal {record.kind}: {error}"] += 1

    def _container(self, target: str, number: int) -> Container:
        if target == names.CONTROLLER:
            # Of several, each in its turn.
            every = controllers.of_lab(self._engine, self._scene.lab)
            return every[number % len(every)]
        what = names.instance_id(self._model, target) if target.isdigit() else target
        container = self._engine.find(names.container(self._scene.lab, what))
        if container is None:
            raise JujulabError(f"there is no container of {target}")
        return container

    def _kill(self, target: str, number: int) -> None:
        """As the kernel's OOM killer would."""
        container = self._container(target, number)
        if target == names.ORCHESTRATOR:
            with docker_errors("kill the orchestrator"):
                container.kill("KILL")
                # A kill from outside counts as the operator's own stop; whoever watches over the host starts it again.
                container.start()
            return
        pattern = _CONTROLLER_SERVICE if target == names.CONTROLLER else "jujud-*"
        self._engine.run_in(container, ["systemctl", "kill", "--signal=KILL", pattern])

    def _restart(self, target: str, number: int) -> None:
        with docker_errors(f"restart {target}"):
            self._container(target, number).restart(timeout=0)


def _start(container: Container) -> None:
    with docker_errors(f"start {container.name}"):
        if container.status == "paused":
            container.unpause()
        else:
            container.start()
