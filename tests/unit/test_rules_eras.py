"""Which release's rules hold, and what they say about a step to a new major version."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jujulab_core.rules.eras import Era, Rules, era_for, era_of
from jujulab_core.version import Number


@pytest.mark.parametrize(
    ("version", "era"),
    [
        ("1.25.4", "2.6"),
        ("2.5.8", "2.6"),
        ("2.6-beta1", "2.6"),
        ("2.6.11", "2.6"),
        ("2.7-rc1", "2.7"),
        ("2.7.8", "2.7"),
        ("2.8.14", "2.8"),
        ("2.9-beta1", "2.9"),
        ("2.9.32", "2.9"),
        ("2.9.32.5", "2.9"),
        ("2.9.33", "2.9.33"),
        ("2.9.52", "2.9.33"),
        ("2.10.99", "2.9.33"),
        ("3.0.2", "3.6"),
        ("3.1.0", "3.6"),
        ("3.6.26", "3.6"),
        ("4.0.13", "3.6"),
    ],
)
def test_the_era_of_a_release(version: str, era: str) -> None:
    assert era_of(Number.parse(version)) == era


@pytest.mark.parametrize(
    ("controller", "client", "era"),
    [
        ("2.6.10", "2.6.10", "2.6"),
        ("2.6.10", "2.5.8", "2.6"),
        ("2.6.10", "2.8.13", "2.8"),
        ("2.8.13", "2.6.10", "2.6"),
        ("2.6.10", "2.9.40", "2.9"),
        ("2.9.32", "2.9.40", "2.9"),
        ("2.9.32", "3.6.1", "2.9"),
        ("2.9.33", "2.9.33", "2.9.33"),
        ("2.9.33", "2.9.32", "2.9"),
        ("2.9.33", "2.7.0", "2.7"),
        ("2.9.40", "3.6.1", "2.9.33"),
        ("3.1.0", "2.9.40", "3.6"),
        ("3.1.0", "2.6.10", "3.6"),
        ("3.6.4", "3.6.5", "3.6"),
        ("4.0.0", "3.6.5", "3.6"),
    ],
)
def test_the_era_of_a_client_and_a_controller(controller: str, client: str, era: str) -> None:
    assert era_for(Number.parse(controller), Number.parse(client)) == era


@pytest.mark.parametrize(
    ("era", "version", "minimums"),
    [
        ("2.6", "2.6.0", {2: "1.25.4"}),
        ("2.7", "2.7.9", {2: "1.25.4"}),
        ("2.8", "2.8.6", {2: "1.25.4"}),
        ("2.8", "2.8.7", {3: "2.9.0"}),
        ("2.8", "2.8.9", {3: "2.9.0"}),
        ("2.8", "2.8.10", {3: "2.8.9"}),
        ("2.8", "2.6.10", {3: "2.8.9"}),
        ("2.9", "2.9.0", {3: "2.8.9"}),
        ("2.9", "2.9.31", {3: "2.8.9"}),
        ("2.9", "2.9.32", {}),
        ("2.9", "2.9.40", {}),
        ("2.9.33", "2.9.33", {}),
        ("2.9.33", "2.6.10", {}),
        ("3.6", "3.6.5", {3: "2.9.43"}),
    ],
)
def test_the_smallest_version_for_a_major_step(era: str, version: str, minimums: dict[int, str]) -> None:
    rules = Rules.of_era(Era(era), Number.parse(version))
    assert {major: str(number) for major, number in rules.minimums.items()} == minimums


small = st.builds(
    Number, st.integers(2, 4), st.integers(0, 10), st.integers(0, 60), st.sampled_from(["", "rc"]), st.integers(0, 1)
)


@given(small, small)
def test_eras_follow_the_order_of_versions(a: Number, b: Number) -> None:
    if a <= b:
        assert era_of(a) <= era_of(b)


@given(small, small)
def test_the_client_chooses_exactly_where_one_of_the_two_is_too_old(controller: Number, client: Number) -> None:
    chooses = era_for(controller, client).controller_chooses
    asks = era_of(client).controller_chooses or era_of(controller) is Era.V3_6
    assert chooses == (era_of(controller).controller_chooses and asks)
