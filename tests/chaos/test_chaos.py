"""A short storm by a seed: kills and faults under continuous upgrades; then the lab comes to rest and all has held."""

from __future__ import annotations

from pathlib import Path

import pytest
from docker import DockerClient

from jujulab.history.verdict import State
from tests.chaos.__main__ import told
from tests.chaos.run import Plan, lab_of, run
from tests.e2e.support import left_behind

pytestmark = pytest.mark.e2e

PLAN = Plan(seed=7, minutes=0.5, machines=4, controllers=3, least_upgrades=4, quiet_seconds=400)


def test_a_storm_breaks_no_promise(engine: DockerClient, tmp_path: Path) -> None:
    said: list[str] = []
    with lab_of(PLAN, tmp_path / "data", keep=False) as store:
        outcome = run(PLAN, store, tmp_path / "history.jsonl", said.append)
    verdict = "\n".join([*said, told(PLAN, outcome)])
    assert outcome.unrest == "", verdict
    assert {found.state for _, found in outcome.report.verdicts} == {State.HOLDS}, verdict
    # It was a storm, and it did rain.
    assert outcome.strokes, verdict
    assert outcome.upgrades.total() > PLAN.least_upgrades, verdict
    assert left_behind(engine, PLAN.lab) == []
