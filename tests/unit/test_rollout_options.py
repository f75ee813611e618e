"""What may be asked of a rollout, in all the forms in which it is asked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jujulab_core.errors import UsageError
from jujulab_core.rollout import DEFAULTS, Options, checked, share


@pytest.mark.parametrize(
    ("key", "value", "read"),
    [
        ("canary", 2, 2),
        ("canary", "2", 2),
        ("health-time", "90", 90),
        ("batch", 3, "3"),
        ("batch", "25%", "25%"),
        ("max-failures", "0", "0"),
        ("max-unreachable", "", ""),
        ("no-rollback", True, True),
        ("no-rollback", "False", False),
        ("checks", '[{"tcp": 80}]', [{"tcp": 80}]),
        ("checks", [{"name": "web", "http": ":80/"}], [{"name": "web", "http": ":80/"}]),
        ("checks", "", []),
    ],
)
def test_what_is_read(key: str, value: Any, read: Any) -> None:
    assert checked(key, value, "x") == read


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("canary", "-1", 'x is "-1": give a whole number from 0 to 1000'),
        ("canary", True, 'x is "True": give a whole number from 0 to 1000'),
        ("canary", 1001, 'x is "1001": give a whole number from 0 to 1000'),
        ("health-time", "1m", 'x is "1m": give a whole number from 0 to 86400'),
        ("batch", "0%", 'x is "0%": give at least one machine'),
        ("batch", "\u0663", 'x is "\u0663": give a number of machines or a percentage such as 25%'),
        ("max-failures", "101%", 'x is "101%": give a number of machines or a percentage such as 25%'),
        ("no-rollback", "yes", 'x is "yes": give true or false'),
        ("checks", "[", "x is not a list of checks in JSON: "),
        ("checks", {"tcp": 80}, "x is not a list of checks"),
        ("checks", [{"tcp": 80}, {"tcp": "80"}], 'x: two checks are called "tcp 80"'),
    ],
)
def test_what_is_refused(key: str, value: Any, words: str) -> None:
    with pytest.raises(UsageError) as refused:
        checked(key, value, "x")
    assert str(refused.value).startswith(words)


def test_nothing_asked_is_jujus_own_way() -> None:
    for nothing in ({}, dict(DEFAULTS), dict.fromkeys(DEFAULTS)):
        options = Options.from_wire(nothing)
        assert options == Options()
        assert not options.careful
        assert not options.rollback


def test_no_rollback_alone_changes_nothing() -> None:
    assert Options.from_wire({"no-rollback": True}) == Options()
    assert not Options.from_wire({"no-rollback": True, "canary": 1}).rollback
    assert Options.from_wire({"canary": 1}).rollback


@given(st.integers(0, 400), st.integers(0, 100), st.booleans())
def test_a_share_is_never_more_than_all_and_rounds_as_it_says(of: int, percent: int, round_up: bool) -> None:
    if round_up and not percent:
        return
    part = share(f"{percent}%", of, "x", round_up=round_up)
    assert part is not None
    assert 0 <= part <= of
    assert (part * 100 >= of * percent) if round_up else (part * 100 <= of * percent)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "canary": st.integers(0, 1000),
            "batch": st.integers(1, 400).map(str),
            "max-failures": st.integers(0, 100).map("{}%".format),
            "health-time": st.integers(0, 86400),
            "no-rollback": st.booleans(),
            "checks": st.lists(st.integers(1, 65535), unique=True, max_size=3).map(
                lambda ports: [{"tcp": p} for p in ports]
            ),
        },
    )
)
def test_the_text_of_a_models_configuration_says_the_same_as_a_command(wire: dict[str, Any]) -> None:
    text = {key: json.dumps(value) if key == "checks" else str(value) for key, value in wire.items()}
    assert Options.from_wire({key: checked(key, value, "x") for key, value in text.items()}) == Options.from_wire(wire)
