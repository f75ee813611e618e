"""A few lines of the crash map, drawn by lot; ``make crash-map`` draws all of them."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from docker import DockerClient

from tests.chaos.crash_lab import UPGRADES, CrashLab, crash_lab
from tests.chaos.crash_map import crash, plan

pytestmark = pytest.mark.e2e

# Another one each time a boundary is added or goes; the same as long as none does.
SEED = 4
SAMPLE = 8


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
