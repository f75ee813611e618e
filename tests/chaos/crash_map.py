"""The map of crashes: ``python -m tests.chaos.crash_map``, or ``make crash-map``.

Records the boundaries that an upgrade of each kind passes, then carries the upgrade out again for each of them with
somebody killed there, and prints for each whether all recovered with no hand on it, and how long it took. Nothing but
the kill is done to the lab, and all kills are done to the same lab, or to as few as are asked for.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event

import docker
from docker.errors import APIError

from jujulab_core.errors import DeadlineError
from jujulab_core.waiting import Deadline, wait_for
from tests.chaos.crash_checks import problems
from tests.chaos.crash_lab import ITSELF, Boundary, CrashLab, crash_lab
from tests.chaos.upgrade_kinds import KINDS, Upgrade
from tests.e2e.support import run
from tests.support.own_engine import own_engine

# From the end that the record says to the last file that an agent tidies away.
SETTLE_SECONDS = 60.0


@dataclass(frozen=True)
class Crash:
    """One line of the map before it is known: somebody is killed while a process stands at a boundary."""

    boundary: Boundary
    victim: str


@dataclass(frozen=True)
class Outcome:
    """One line of the map.

    Attributes:
        crash: What was done.
        seconds: From the kill until all was well again.
        why: What was not well, or empty.
    """

    crash: Crash
    seconds: float
    why: str

    def line(self) -> str:
        """As the map shows it."""
        boundary = self.crash.boundary
        verdict = "recovered" if not self.why else f"NOT RECOVERED: {self.why}"
        return f"{boundary.upgrade:10} {boundary.name:36} {self.crash.victim:29} {self.seconds:6.1f}s  {verdict}"


def record(made: CrashLab) -> dict[str, list[Boundary]]:
    """The boundaries of an upgrade of each kind."""
    return {kind: upgrade(made).record() for kind, upgrade in KINDS.items()}


def plan(boundaries: Sequence[Boundary], victims: Sequence[str], seed: int, everything: bool) -> list[Crash]:
    """Who is to be killed where.

    At every boundary the process that stands there; then, in a second round, one other at each, by lot but so that all
    get their turn; or, in further rounds, everybody.
    """
    rest = [victim for victim in victims if victim != ITSELF]
    lots = random.Random(seed)
    crashes = [Crash(boundary, ITSELF) for boundary in boundaries]
    turn: list[str] = []
    for boundary in boundaries:
        others = [victim for victim in rest if victim != boundary.process]
        if everything:
            crashes += [Crash(boundary, victim) for victim in others]
            continue
        if not set(turn) & set(others):
            turn = lots.sample(rest, len(rest))
        other = next(victim for victim in turn if victim in others)
        turn.remove(other)
        crashes.append(Crash(boundary, other))
    return crashes


def crash(made: CrashLab, crash: Crash) -> Outcome:
    """Carries out an upgrade with one crash in it; what one leaves behind must not be the end of the map."""
    try:
        return _carry_out(made, crash)
    except (AssertionError, DeadlineError, APIError) as error:
        return Outcome(crash, 0.0, f"before or behind it: {error}")


def _carry_out(made: CrashLab, crash: Crash) -> Outcome:
    before = made.running_workloads()
    for container in (made.places["controller"], *made.lab.machines()):
        # Each crash counts for itself: systemd gives up on whoever was started five times in ten seconds.
        run(container, "systemctl reset-failed")
    upgrade = KINDS[crash.boundary.upgrade](made)
    try:
        upgrade.prepare()
        return _strike(upgrade, crash, before)
    finally:
        upgrade.tidy()


def _strike(upgrade: Upgrade, crash: Crash, before: Mapping[str, str]) -> Outcome:
    made, boundary = upgrade.lab, crash.boundary
    spared = made.spared(crash.victim)
    if not upgrade.go(boundary):
        made.let_go(boundary)
        return Outcome(crash, 0.0, f"no process came to the boundary. {upgrade.end()}")
    killed = time.monotonic()
    made.kill(crash.victim, boundary)
    made.let_go(boundary)
    said = upgrade.end()
    if said:
        return Outcome(crash, time.monotonic() - killed, said)

    def probe() -> tuple[bool | None, str]:
        try:
            found = list(problems(upgrade))
            now = made.lab.workloads()
        except (AssertionError, APIError) as error:
            return None, f"a look at what is there: {error}"
        changed = [name for name in spared if now.get(name) != before[name]]
        found += [f"the workload of {name} was restarted ({before[name]}, then {now.get(name)})" for name in changed]
        return (None, "; ".join(found)) if found else (True, "")

    try:
        wait_for(probe, Deadline(SETTLE_SECONDS), 0.5)
    except DeadlineError as error:
        return Outcome(crash, time.monotonic() - killed, str(error))
    return Outcome(crash, time.monotonic() - killed, "")


def draw(labs: Sequence[CrashLab], crashes: Sequence[Crash], tell: Callable[[str], None]) -> list[Outcome]:
    """Carries out all crashes, in each lab one after the other, and tells of each."""
    waiting: SimpleQueue[Crash] = SimpleQueue()
    for entry in crashes:
        waiting.put(entry)
    ending = Event()

    def work(made: CrashLab) -> list[Outcome]:
        outcomes = []
        with suppress(Empty):
            while not ending.is_set():
                outcomes.append(crash(made, waiting.get_nowait()))
                tell(outcomes[-1].line())
        return outcomes

    with ThreadPoolExecutor(len(labs), "lab") as pool:
        try:
            return [outcome for outcomes in pool.map(work, labs) for outcome in outcomes]
        finally:
            # Whoever interrupts the map does not wait for all of it.
            ending.set()


def summary(outcomes: Sequence[Outcome], seed: int) -> str:
    """The last line of the map."""
    good = sum(not outcome.why for outcome in outcomes)
    slowest = max(outcomes, key=lambda outcome: outcome.seconds)
    where = f"{slowest.crash.boundary.name}, {slowest.crash.victim}"
    total = sum(outcome.seconds for outcome in outcomes)
    return (
        f"{good} of {len(outcomes)} recovered; slowest {slowest.seconds:.1f}s ({where}); "
        f"{total:.0f}s from kills to recoveries in all; seed {seed}"
    )


@contextmanager
def _own_lab(directory: Path, number: int) -> Iterator[CrashLab]:
    """A lab to kill in; where that is possible on an engine of its own, which is then killed as well."""
    with ExitStack() as stack:
        client, engine = stack.enter_context(closing(docker.from_env(timeout=120))), None
        if os.geteuid() == 0:
            place = directory / f"engine-{number}"
            place.mkdir()
            engine = stack.enter_context(own_engine(place, client))
            client = stack.enter_context(closing(engine.client()))
        yield stack.enter_context(crash_lab(client, directory / f"data-{number}", f"crashmap{number}", engine))


def main() -> int:
    """Draws the map; the exit code is 1 if somebody did not recover."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.crash_map", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="decides whom else to kill at each boundary")
    parser.add_argument("--only", default="", help="only boundaries and victims that have this in their line")
    parser.add_argument("--all", action="store_true", help="kill everybody at every boundary")
    parser.add_argument("--labs", type=int, default=1, help="how many labs share the work")
    parser.add_argument("--output", type=Path, default=Path("build/crash-map.txt"), help="also write the map here")
    options = parser.parse_args()
    options.output.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with ExitStack() as stack:
        file = stack.enter_context(options.output.open("w"))
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crash-map-")))

        def tell(line: str) -> None:
            for where in (sys.stdout, file):
                where.write(f"{line}\n")
                where.flush()

        if os.geteuid() != 0:
            tell("the Docker engine itself is not restarted: only root can start one that may be")
        with ThreadPoolExecutor(options.labs) as pool:
            making = [_own_lab(directory, number) for number in range(options.labs)]
            labs = list(pool.map(stack.enter_context, making))
        recorded = record(labs[0])
        boundaries = [boundary for passed in recorded.values() for boundary in passed]
        kinds = ", ".join(f"{kind} {len(passed)}" for kind, passed in recorded.items())
        tell(f"{len(boundaries)} boundaries, recorded in one upgrade of each kind: {kinds}")
        planned = plan(boundaries, labs[0].victims, options.seed, options.all)
        chosen = [entry for entry in planned if options.only in Outcome(entry, 0.0, "").line()]
        if not chosen:
            parser.error(f'no line of the map has "{options.only}" in it')
        outcomes = draw(labs, chosen, tell)
        shared = f" of {len(labs)} labs" if len(labs) > 1 else ""
        tell(f"{summary(outcomes, options.seed)}; {time.monotonic() - began:.0f}s with the making{shared}")
    return int(any(outcome.why for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
