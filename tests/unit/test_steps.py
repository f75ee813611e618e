"""Upgrade steps: which of them run, on whose machine, in which order."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jujulab_agent import _release, steps_table
from jujulab_agent.builder import catalogue
from jujulab_core.agentconf import Value
from jujulab_core.version import Number

NEWEST = Number.parse("3.6.27")
STEPS = catalogue.load().steps_of(NEWEST)
MACHINE: dict[str, Value] = {"jobs": ["JobHostUnits"]}
CONTROLLER: dict[str, Value] = {"jobs": ["JobManageModel", "JobHostUnits"]}


@pytest.fixture(autouse=True)
def release(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_release, "VERSION", str(NEWEST))
    monkeypatch.setattr(_release, "STEPS", STEPS)


def chosen(conf: dict[str, Value], from_version: str, to_version: str) -> list[steps_table.Step]:
    wanted = steps_table.targets(conf)
    return steps_table.select(steps_table.table(), wanted, Number.parse(from_version), Number.parse(to_version))


@pytest.mark.parametrize(
    ("from_version", "to_version", "expected"),
    [
        ("2.6.4", "2.6.10", []),
        ("2.6.4", "2.7.1", []),
        ("2.6.4", "2.7.2", ["2.7.2"]),
        ("2.7.2", "2.8.0", ["2.8.0"]),
        ("2.6.4", "2.9.1", ["2.7.2", "2.8.0", "2.9.0"]),
        ("2.9.1", "2.6.4", []),
        ("2.7.2.1", "2.7.2.2", []),
        ("2.7-rc1", "2.9.0", ["2.7.2", "2.8.0", "2.9.0"]),
        # Juju clears the tag of where it goes: a candidate runs the steps of its release.
        ("2.8.13", "2.9-rc1", ["2.9.0"]),
        ("2.9-rc1", "2.9.0", ["2.9.0"]),
    ],
)
def test_which_steps_a_machine_runs(from_version: str, to_version: str, expected: list[str]) -> None:
    assert [str(step.version) for step in chosen(MACHINE, from_version, to_version)] == expected


def test_a_controller_runs_the_steps_of_its_database_as_well() -> None:
    assert [step.description for step in chosen(CONTROLLER, "2.6.2", "2.6.10")] == [
        "reset kvm machine modification status to idle",
        "add models-logs-size to controller config",
    ]
    assert chosen(MACHINE, "2.6.2", "2.6.10") == []


def test_a_publishers_steps_run_last(monkeypatch: pytest.MonkeyPatch) -> None:
    own = tuple(("2.7.2", "all-machines", text, "") for text in ("first", "second"))
    monkeypatch.setattr(_release, "STEPS", (*STEPS, *own))
    described = [step.description for step in chosen(MACHINE, "2.6.4", "2.7.2")]
    assert described == ["ensure systemd files are located under /etc/systemd/system", "first", "second"]


VERSIONS = sorted(
    number for minor in catalogue.load().minors.values() for numbers in minor.streams.values() for number in numbers
)


@given(st.lists(st.sampled_from(VERSIONS), min_size=2, max_size=6, unique=True))
def test_a_journey_in_stages_runs_each_step_once_and_in_order(stops: list[Number]) -> None:
    stops.sort()
    wanted = steps_table.targets(CONTROLLER)
    table = [
        steps_table.Step(Number.parse(version), target, text, lambda *_: None) for version, target, text, _ in STEPS
    ]
    staged = [
        step.description
        for start, end in itertools.pairwise(stops)
        for step in steps_table.select(table, wanted, start, end)
    ]
    assert staged == [step.description for step in steps_table.select(table, wanted, stops[0], stops[-1])]
