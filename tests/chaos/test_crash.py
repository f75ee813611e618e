"""A few lines of the crash map, drawn by lot; ``make crash-map`` draws all of them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import pytest
from docker import DockerClient
from docker.models.containers import Container

from jujulab_core.waiting import Deadline, wait_for
from tests.chaos.crash_lab import UPGRADES, CrashLab, crash_lab
from tests.chaos.crash_map import crash, plan
from tests.e2e.support import run

pytestmark = pytest.mark.e2e

# Another one each time a boundary is added or goes; the same as long as none does.
SEED = 4
SAMPLE = 6
UPGRADED = 10


@pytest.fixture(scope="module")
def made(engine: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CrashLab]:
    with crash_lab(engine, tmp_path_factory.mktemp("data"), "crash") as lab:
        yield lab


def test_whoever_is_killed_wherever_all_recovers(made: CrashLab) -> None:
    boundaries = [boundary for kind in UPGRADES for boundary in made.record(kind)]
    processes = {boundary.process for boundary in boundaries}
    assert processes == {"controller", "orchestrator", "machine-agent", "unit-agent", "upgradectl"}
    drawn = random.Random(SEED).sample(plan(boundaries, made.victims, SEED, everything=True), SAMPLE)
    outcomes = [crash(made, entry) for entry in drawn]
    assert [outcome.line() for outcome in outcomes if outcome.why] == []


def open_files(container: Container, process: str) -> dict[str, int]:
    """What it has open, by kind: sockets and pipes have numbers of their own."""
    said = run(container, f"cd /proc/$(pgrep -o -f '^/opt/jujulab/bin/python .*{process}')/fd && readlink * || true")
    return dict(Counter(line.partition(":[")[0] for line in said.splitlines()))


def test_upgrades_leave_nothing_open(made: CrashLab) -> None:
    """Files, sockets and so SSH connections of who lives through many upgrades; nobody's count grows."""
    who = (("orchestrator", "jujulab.orchestrate"), ("controller", "jujulab_controller"))

    def counts() -> dict[str, dict[str, int]]:
        return {place: open_files(made.places[place], process) for place, process in who}

    def upgrade(times: int) -> None:
        for _ in range(times):
            assert made.begin("model").end() == ""

    upgrade(2)
    before = counts()
    upgrade(UPGRADED)

    def probe() -> tuple[bool | None, str]:
        now = counts()
        grown = [
            f"{place}: {count} x {kind}"
            for place, kinds in now.items()
            for kind, count in kinds.items()
            if count > before[place].get(kind, 0)
        ]
        return not grown or None, f"what is open, {', '.join(grown)}, to be as before: {before}"

    wait_for(probe, Deadline(60))
