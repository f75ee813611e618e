"""The document on rollouts shows what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from jujulab.rollout import picture
from jujulab.rollout.phases import PHASES, TERMINAL, TRANSITIONS, Owner, Phase, allowed, owner

DOCUMENT = Path(__file__).parents[2] / "docs" / "explanation" / "rollouts.md"


def test_the_picture_in_the_document_is_that_of_the_code() -> None:
    text = DOCUMENT.read_text()
    assert picture.written_into(text) == text, f"run: python -m jujulab.rollout.picture {DOCUMENT}"


def test_a_document_without_marks_is_left_alone() -> None:
    with pytest.raises(ValueError, match="no lines"):
        picture.written_into("text")


def test_every_phase_can_be_reached_and_left_and_has_an_owner_until_it_ends() -> None:
    assert set(PHASES) == set(Phase)
    for phase, facts in PHASES.items():
        assert any(row.new is phase for row in TRANSITIONS)
        assert bool(facts.ends) == (phase not in TERMINAL)
        assert phase in TERMINAL or facts.owner is not Owner.NOBODY
        assert phase is Phase.DONE or any(row.old is phase and row.new is not phase for row in TRANSITIONS)
    assert owner(Phase.STRANDED) is Owner.HUMAN
    assert not allowed(Phase.PENDING, Phase.RESTARTING)
