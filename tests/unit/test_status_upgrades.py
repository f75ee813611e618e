"""How an upgrade's record is read."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import click
import pytest

from jujulab.cli.table import render
from jujulab.status import upgrades
from jujulab.status.times import TimeForm


def agent(tag: str, phase: str, reason: str = "") -> dict[str, Any]:
    return {"tag": tag, "phase": phase, "reason": reason, "version": "2.6.4", "since": "2026-01-01T00:00:05Z"}


def record(status: str, *machines: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {
        "id": 3,
        "model-name": "default",
        "from": "2.6.4",
        "to": "2.6.10",
        "status": status,
        "reason": "",
        "started": "2026-01-01T00:00:00Z",
        "finished": None,
        "requested-by": "admin",
        "machines": [{"id": str(index), "agents": agents} for index, agents in enumerate(machines)],
    } | more


@pytest.mark.parametrize(
    ("phases", "expected"),
    [
        ([], "done"),
        (["done", "done"], "done"),
        (["done", "pending"], "pending"),
        (["verifying", "staged"], "staged"),
        (["done", "skipped"], "skipped"),
        (["done", "failed"], "failed"),
        (["rolled-back", "pending"], "rolled-back"),
        (["stranded", "done"], "stranded"),
    ],
)
def test_a_machine_is_as_far_as_the_last_of_its_agents(phases: list[str], expected: str) -> None:
    agents = [agent(f"unit-ubuntu-{index}", phase) for index, phase in enumerate(phases)]
    assert upgrades.machine_phase({"agents": agents}) == expected


def test_progress_counts_machines() -> None:
    machines = [[agent("machine-0", "done"), agent("unit-ubuntu-0", "verifying")]]
    machines += [[agent("machine-1", "done")], [agent("machine-2", "failed", "no answer")]]
    assert upgrades.progress(record("running", *machines)) == ("1 done, 1 verifying, 1 failed", 2, 3)
    assert upgrades.progress(record("running")) == ("no machines", 0, 0)


@pytest.mark.parametrize(
    ("status", "over", "good"),
    [
        ("running", False, False),
        ("complete", True, True),
        ("failed", True, False),
        ("aborted", True, False),
        ("paused", True, False),
    ],
)
def test_the_end(status: str, over: bool, good: bool) -> None:
    assert (upgrades.is_over(record(status)), upgrades.succeeded(record(status))) == (over, good)


def test_closing_lines() -> None:
    done = record(
        "complete", [agent("machine-0", "done"), agent("unit-u-0", "done")], finished="2026-01-01T00:00:12.4Z"
    )
    assert upgrades.closing(done) == "upgraded default from 2.6.4 to 2.6.10: 1 machine, 2 agents, 12 s"
    bad = record(
        "failed",
        [agent("machine-0", "done")],
        [agent("machine-1", "rolled-back", "jujud-machine-1 ended"), agent("unit-ubuntu-1", "failed")],
        reason="stop rule",
    )
    assert upgrades.verdict(bad).split("\n") == [
        "upgrade 3 of model default to 2.6.10 failed: stop rule (1 of 2 machines failed)",
        "  machine-1: rolled-back: jujud-machine-1 ended",
        "  ubuntu/1: failed",
    ]


@pytest.mark.parametrize(
    ("finished", "shown"),
    [(None, ""), ("2026-01-01T00:00:59Z", "59 s"), ("2026-01-01T00:03:20Z", "3 min 20 s")],
)
def test_duration(finished: str | None, shown: str) -> None:
    assert upgrades.duration(record("complete", finished=finished)) == shown


def test_tables() -> None:
    times = TimeForm(zone=UTC)
    shown = render(
        upgrades.LIST_HEADER, upgrades.rows([record("running"), record("failed", id=10)], times), right=("ID",)
    )
    assert shown.split("\n") == [
        "ID  Model    From   To      Status   Started                Took  By     Reason",
        "10  default  2.6.4  2.6.10  failed   01 Jan 2026 00:00:00Z        admin",
        " 3  default  2.6.4  2.6.10  running  01 Jan 2026 00:00:00Z        admin",
    ]
    one = record("running", [agent("machine-0", "done"), agent("unit-ubuntu-0", "failed", "why")])
    shown = click.unstyle(render(upgrades.AGENT_HEADER, upgrades.agent_rows(one, times)))
    assert shown.split("\n")[1:] == [
        "0        machine-0  done    2.6.4    01 Jan 2026 00:00:05Z",
        "         ubuntu/0   failed  2.6.4    01 Jan 2026 00:00:05Z  why",
    ]
