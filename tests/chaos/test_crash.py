"""A few lines of the crash map, drawn by lot; ``make crash-map`` draws all of them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import pytest
from docker import DockerClient
from docker.models.containers import Container

from jujulab_core.waiting import Deadline, wait_for
from tests.chaos.crash_lab import CrashLab, crash_lab
from tests.chaos.crash_map import crash, plan, record
from tests.chaos.upgrade_kinds import KINDS
from tests.e2e.support import run

pytestmark = pytest.mark.e2e

# Another one each time a boundary is added or goes; the same as long as none does.
SEED = 4
UPGRADED = 10


@pytest.fixture(scope="module")
def made(engine: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CrashLab]:
    with crash_lab(engine, tmp_path_factory.mktemp("data"), "crash") as lab:
        yield lab


def test_whoever_is_killed_wherever_all_recovers(made: CrashLab) -> None:
    recorded = record(made)
    processes = {boundary.process for passed in recorded.values() for boundary in passed}
    assert processes == {"controller", "orchestrator", "machine-agent", "unit-agent", "upgradectl"}
    lots = random.Random(SEED)
    # One of each kind of upgrade.
    drawn = [lots.choice(plan(passed, made.victims, SEED, everything=True)) for passed in recorded.values()]
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
            upgrade = KINDS["model"](made)
            upgrade.go()
            assert upgrade.end() == ""

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
