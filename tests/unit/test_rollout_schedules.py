"""Simulated upgrades with faults, crashes and people at any moment; `make schedules` runs a hundred thousand."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from jujulab.rollout import gate
from jujulab.rollout.phases import TRANSITIONS, Phase
from jujulab_core.rules import control
from tests.support import rollout_world
from tests.support.rollout_world import FAULTS, World

SCHEDULES = 1000


def run_all() -> set[tuple[Phase, Phase]]:
    seen: set[tuple[Phase, Phase]] = set()
    for seed in range(SCHEDULES):
        seen |= rollout_world.run(seed)
    return seen


def test_no_schedule_breaks_an_invariant() -> None:
    seen = run_all()
    # Some steps of the table are rare; `make schedules` says which.
    assert len(seen) > 0.8 * len(TRANSITIONS)


class Rollout(RuleBasedStateMachine):
    """What happens when is chosen by Hypothesis, which also makes a schedule that fails as short as can be."""

    @initialize(seed=st.integers(0, 10_000))
    def begin(self, seed: int) -> None:
        self.world = World(seed)

    @rule(steps=st.integers(1, 30))
    def time_passes(self, steps: int) -> None:
        for _ in range(steps):
            self.world.clock.step()

    @rule(action=st.sampled_from(control.ACTIONS))
    def somebody_wants(self, action: control.Action) -> None:
        self.world.person(action)

    @precondition(lambda self: self.world.faults)
    @rule(kind=st.integers(0, FAULTS - 1))
    def something_breaks(self, kind: int) -> None:
        self.world.fault(kind)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.people_until = self.world.clock.now
            self.world.settle()
            self.world.run()


TestRollout = Rollout.TestCase
TestRollout.settings = settings(max_examples=100, stateful_step_count=20, deadline=None)


@pytest.mark.parametrize(
    ("what", "broken"),
    [
        ("jujulab.rollout.gate._is_new", lambda agent, version: agent.version == version),
        ("jujulab.rollout.gate.unsteady", gate.late),
        ("jujulab.rollout.rules._begins", lambda upgrade, machine_id, entry: False),
        ("jujulab.rollout.rules.must_stop", lambda machines, options: False),
        ("jujulab.rollout.rules.admitted", lambda upgrade: frozenset(machine.id for machine in upgrade.machines)),
    ],
)
def test_the_simulation_would_notice(monkeypatch: pytest.MonkeyPatch, what: str, broken: object) -> None:
    monkeypatch.setattr(what, broken)
    with pytest.raises(AssertionError, match="seed"):
        run_all()
