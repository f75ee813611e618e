"""How many controllers ``enable-ha`` makes, and which numbers it refuses."""

from __future__ import annotations

import pytest

from jujulab.rollout.acts import Limits
from jujulab_agent.controllers import READY_SECONDS
from jujulab_core.rules import ha


@pytest.mark.parametrize(
    ("present", "count", "wanted"),
    [(1, 0, 3), (1, 1, 1), (1, 3, 3), (1, 7, 7), (2, 0, 3), (3, 0, 3), (3, 3, 3), (3, 5, 5), (4, 0, 5), (5, 0, 5)],
)
def test_how_many_there_shall_be(present: int, count: int, wanted: int) -> None:
    assert ha.refusal(present, count) is None
    assert ha.wanted(present, count) == wanted


@pytest.mark.parametrize(
    ("present", "count", "text"),
    [
        (1, 2, "number of controllers must be odd and non-negative"),
        (1, -1, "number of controllers must be odd and non-negative"),
        (1, 9, "controller count is too large (allowed 7)"),
        (3, 1, "cannot reduce controller count"),
        (5, 3, "cannot reduce controller count"),
    ],
)
def test_what_is_refused(present: int, count: int, text: str) -> None:
    refusal = ha.refusal(present, count)
    assert refusal is not None
    assert refusal.message == text


def test_the_orchestrator_waits_longer_than_controllers_do_for_one_another() -> None:
    """Or it would fail the upgrade before they put it back."""
    assert Limits().steps > READY_SECONDS
