"""A few lines of the crash map, drawn by lot; ``make crash-map`` draws all of them."""

from __future__ import annotations

import random
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
    drawn = random.Random(SEED).sample(plan(boundaries, SEED, everything=True), SAMPLE)
    outcomes = [crash(made, entry) for entry in drawn]
    assert [outcome.line() for outcome in outcomes if outcome.why] == []


def open_files(container: Container, process: str) -> int:
    return int(run(container, f"ls /proc/$(pgrep -o -f '^/opt/jujulab/bin/python .*{process}')/fd | wc -l"))


def test_upgrades_leave_nothing_open(made: CrashLab) -> None:
    """Files, sockets and so SSH connections of who lives through many upgrades; nobody's count grows."""
    who = (("orchestrator", "jujulab.orchestrate"), ("controller", "jujulab_controller"))

    def counts() -> dict[str, int]:
        return {place: open_files(made.places[place], process) for place, process in who}

    def upgrade(times: int) -> None:
        for _ in range(times):
            assert made.begin("model").end() == ""

    upgrade(2)
    before = counts()
    upgrade(UPGRADED)

    def probe() -> tuple[bool | None, str]:
        now = counts()
        grown = {place: count for place, count in now.items() if count > before[place]}
        return not grown or None, f"open files {now} to be {before} again"

    wait_for(probe, Deadline(60))
