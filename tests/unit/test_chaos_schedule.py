"""The chaos schedule is a pure function of its seed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jujulab.rollout.model import Options
from tests.chaos import schedule


@given(st.integers(0, 10**6), st.integers(1, 30), st.lists(st.sampled_from(sorted(schedule.FIT)), unique=True))
def test_strokes_are_the_same_for_the_same_seed(seed: int, machines: int, kinds: list[str]) -> None:
    strokes = schedule.strokes(seed, 600, machines, kinds)
    assert strokes == schedule.strokes(seed, 600, machines, [*reversed(kinds), "no-such-kind"])
    assert strokes == sorted(strokes, key=lambda stroke: stroke.at)
    until: dict[str, float] = {}
    for stroke in strokes:
        assert stroke.at < 600
        assert stroke.kind in {schedule.KILL, schedule.RESTART, *kinds}
        if stroke.target.isdigit():
            assert int(stroke.target) < machines
        if stroke.lasts:
            # Two of one kind at a time would mend one another.
            assert until.get(stroke.kind, 0) < stroke.at + 0.1
            until[stroke.kind] = stroke.at + stroke.lasts


def test_seeds_differ() -> None:
    assert schedule.strokes(1, 600, 20, schedule.FIT) != schedule.strokes(2, 600, 20, schedule.FIT)
    assert [schedule.request(1, n) for n in range(20)] != [schedule.request(2, n) for n in range(20)]


@given(st.integers(0, 10**6), st.integers(0, 500))
def test_requests_are_the_same_for_the_same_seed_and_can_be_made(seed: int, number: int) -> None:
    wanted = schedule.request(seed, number)
    assert wanted == schedule.request(seed, number)
    assert wanted.to in schedule.PATCHES
    Options.from_wire(wanted.rollout)
