"""One chaos run, from an empty host to a verdict."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from jujulab.faults import registry
from jujulab.history import event
from jujulab.history.checker import Report, check
from jujulab.history.observer import Observer
from jujulab.history.recorder import Recorder
from jujulab.lab import controllers, secrets
from jujulab.lab.engine import Engine
from jujulab.lab.ready import admin_client, wait_for_agents
from jujulab.store import Store
from jujulab_core.errors import ConnectionLost, DeadlineError, JujulabError, RpcError
from jujulab_core.waiting import Deadline, wait_for
from tests.chaos import schedule
from tests.chaos.storm import Storm
from tests.chaos.traffic import Operator, Writer

PROGRAM = Path(sys.executable).parent / "jujulab"
MODEL = "default"


@dataclass(frozen=True)
class Plan:
    """What to run.

    Attributes:
        seed: Decides what strikes when, and which upgrades are asked for.
        minutes: How long the storm lasts.
        machines: Machines of the model, each with a unit.
        controllers: How many controllers the lab has.
        least_upgrades: It lasts longer where so many have not been accepted by then, as on a busy host.
        quiet_seconds: How long the lab may take to come to rest afterwards.
    """

    seed: int
    minutes: float
    machines: int
    controllers: int = 1
    least_upgrades: int = 0
    quiet_seconds: float = 1200.0

    @property
    def lab(self) -> str:
        """The lab's name, and its controller's."""
        return f"chaos-{self.seed}"

    @property
    def length(self) -> str:
        """How long, and on what."""
        return f"{self.minutes:g} minutes, {self.machines} machines, {self.controllers} controllers"


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        report: The checker's.
        strokes: How often each kind struck.
        refused: Strokes that could not be carried out.
        upgrades: How many upgrades ended how.
        events: How many events the history has.
        history: Where it is.
        unrest: What had not come to rest; empty if all had.
    """

    report: Report
    strokes: Counter[str]
    refused: Counter[str]
    upgrades: Counter[str]
    events: int
    history: Path
    unrest: str


@contextlib.contextmanager
def lab_of(plan: Plan, data: Path, *, keep: bool) -> Iterator[Store]:
    """A lab for the time of the block, with a client store of its own."""
    data.mkdir(parents=True, exist_ok=True)
    file = data / f"{plan.lab}.yaml"
    document = {
        "lab": plan.lab,
        "controller": {
            "name": plan.lab,
            "agent-version": schedule.CONTROLLERS[0],
            "machines": plan.controllers,
        },
        "streams": {"released": [*schedule.PATCHES, schedule.LAST, *schedule.CONTROLLERS]},
        "models": {
            MODEL: {
                "agent-version": schedule.PATCHES[0],
                "machines": {"count": plan.machines, "series": "bionic"},
                "applications": {"ubuntu": {"units": plan.machines}},
            }
        },
    }
    file.write_text(json.dumps(document))
    # Faults find their targets by the store, too.
    with patch.dict(os.environ, JUJULAB_DATA=str(data)):
        try:
            subprocess.run([PROGRAM, "up", str(file)], check=True)
            yield Store(data)
        finally:
            if not keep:
                subprocess.run([PROGRAM, "down", plan.lab, "-y"], check=True)
                file.unlink()


def run(plan: Plan, store: Store, kept_at: Path, report: Callable[[str], None]) -> Outcome:
    """Runs the storm against a lab that is up, waits until it has come to rest, and checks.

    Args:
        plan: What to run.
        store: The client store that knows the lab.
        kept_at: Where the history is kept.
        report: Told what happens.
    """
    with Engine() as engine:
        made = secrets.load(store.lab_dir(plan.lab), plan.lab)
        endpoint = controllers.endpoint(controllers.of_lab(engine, plan.lab)[0])
        model = _uuid(store, plan)
        path = store.lab_dir(plan.lab) / event.FILE_NAME
        storm = Storm(engine, plan.lab, model, Recorder(path, "storm"))
        operator = Operator(endpoint, made, Recorder(path, "operator"), model)
        writer = Writer(endpoint, made, Recorder(path, "writer"))
        seconds = plan.minutes * 60
        strokes = schedule.strokes(plan.seed, seconds, plan.machines, registry.kinds())
        report(f"seed {plan.seed}: {len(strokes)} strokes in {plan.length}")
        ended = threading.Event()
        observer = Observer(engine, store, plan.lab, Recorder(path, "observer")).every(1.0, 8.0)
        threads = [
            threading.Thread(target=storm.run, args=(strokes, ended), name="storm"),
            threading.Thread(target=operator.run, args=(plan.seed, ended, report), name="operator"),
            threading.Thread(target=writer.run, args=(model, ended), name="writer"),
        ]
        with observer:
            began = time.monotonic()
            for thread in threads:
                thread.start()
            try:
                ended.wait(seconds)
                _enough(operator, plan)
            finally:
                ended.set()
                for thread in threads:
                    thread.join()
            report(f"the storm is over after {time.monotonic() - began:.0f} s; waiting until the lab has come to rest")
            unrest = _come_to_rest(plan, storm, operator, model, observer, report)
        ends = _ends(operator)
        operator.close()
        writer.close()
    kept_at.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, kept_at)
    events, _ = event.read(kept_at)
    return Outcome(check(events), storm.counts, storm.failures, ends, len(events), kept_at, unrest)


def _enough(operator: Operator, plan: Plan) -> None:
    def probe() -> tuple[bool | None, str]:
        accepted = operator.counts["accepted"]
        return accepted >= plan.least_upgrades or None, f"{plan.least_upgrades} upgrades; {accepted} were accepted"

    wait_for(probe, Deadline(plan.quiet_seconds))


def _uuid(store: Store, plan: Plan) -> str:
    found = store.models(plan.lab)
    return found[f"admin/{MODEL}"]


def _come_to_rest(
    plan: Plan, storm: Storm, operator: Operator, model: str, observer: Observer, report: Callable[[str], None]
) -> str:
    """Mends all, waits, and asks for one last upgrade, which every agent must reach; what did not come to rest."""
    deadline = Deadline(plan.quiet_seconds)
    running = threading.Event()
    own = operator.own
    try:
        storm.calm(deadline)
        for uuid in (own, model):
            operator.wait(uuid, deadline, running)
        _agents_up(operator, (own, model), deadline, report)
        report(f"asking for the last upgrade, to {schedule.LAST}")
        _last(operator, model, deadline)
        ended = operator.wait(model, deadline, running)
        _agents_up(operator, (own, model), deadline, report)
        observer.look_at_controller()
        observer.settled()
    except (JujulabError, OSError) as error:
        return f"{type(error).__name__}: {error}"
    if ended is None or ended["status"] != "complete":
        return (
            f"the last upgrade, to {schedule.LAST}, ended as {ended and ended['status']}: {ended and ended['reason']}"
        )
    return ""


def _agents_up(operator: Operator, models: tuple[str, ...], deadline: Deadline, report: Callable[[str], None]) -> None:
    for uuid in models:
        with contextlib.closing(admin_client(operator.endpoint, operator.secrets, uuid, deadline)) as client:
            wait_for_agents(client, uuid, deadline, report)


def _last(operator: Operator, model: str, deadline: Deadline) -> None:
    def probe() -> tuple[bool | None, str]:
        try:
            operator.ask(model, schedule.LAST, {}, force=True)
        except (ConnectionLost, DeadlineError, RpcError) as error:
            return None, f"the last upgrade to be accepted: {error}"
        return True, ""

    wait_for(probe, deadline, 2.0)


def _ends(operator: Operator) -> Counter[str]:
    with contextlib.suppress(JujulabError):
        found = operator.call(None, "LabUpgrades", "List", {})["upgrades"]
        return Counter(str(one["status"]) for one in found)
    return Counter()
