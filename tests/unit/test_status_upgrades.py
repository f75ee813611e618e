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
        ("aborting", False, False),
        # Somebody paused it, and will let it go on.
        ("paused", False, False),
    ],
)
def test_the_end(status: str, over: bool, good: bool) -> None:
    assert (upgrades.is_over(record(status)), upgrades.succeeded(record(status))) == (over, good)


def test_an_upgrade_that_asks_is_not_waited_for() -> None:
    machines = [[agent("machine-0", "done")], [agent("machine-1", "verifying", "cannot tell: web: no answer")]]
    asks = record("paused", *machines, reason="cannot tell whether machine 1 is good: web: no answer")
    assert upgrades.is_over(asks)
    assert not upgrades.succeeded(asks)
    assert "resume-upgrade 3 --accept 1" in upgrades.next_step(asks)
    assert upgrades.verdict(asks) == (
        "upgrade 3 of model default to 2.6.10 is paused: cannot tell whether machine 1 is good: web: no answer"
    )


@pytest.mark.parametrize(
    ("more", "there", "not_there"),
    [
        ({}, "abort-upgrade 3 --rollback", "--accept"),
        ({"is-controller": True}, "retry-upgrade --id 3", "--rollback"),
        ({"status": "aborted", "roll-back": True}, "try once more with `jujulab abort-upgrade 3 --rollback`", "retry"),
    ],
)
def test_what_to_do_about_an_upgrade_that_failed(more: dict[str, Any], there: str, not_there: str) -> None:
    step = upgrades.next_step(record("failed", [agent("machine-0", "stranded")]) | more)
    assert there in step
    assert not_there not in step


@pytest.mark.parametrize(
    ("phases", "roll_back", "good", "line"),
    [
        (
            ["rolled-back", "rolled-back", "skipped"],
            True,
            True,
            "model default is back at 2.6.4: 2 machines put back, 1 never left it; 2.6.10 is quarantined",
        ),
        (["rolled-back", "stranded"], True, False, ""),
        (
            ["done", "skipped", "skipped"],
            False,
            True,
            "upgrade 3 of model default to 2.6.10 was aborted: 1 machine done, 2 left at 2.6.4",
        ),
        (["done", "failed"], False, False, ""),
    ],
)
def test_how_an_abort_ends(phases: list[str], roll_back: bool, good: bool, line: str) -> None:
    machines = [[agent(f"machine-{index}", phase)] for index, phase in enumerate(phases)]
    ended = record("aborted", *machines, **{"roll-back": roll_back})
    assert upgrades.went_back(ended) is good
    if good:
        assert upgrades.closing_of_abort(ended) == line


@pytest.mark.parametrize(
    ("phases", "reason", "more", "line", "step"),
    [
        (
            ["rolled-back", "skipped"],
            "rolled back to 2.6.4: 1 of 2 machines",
            {"roll-back": True},
            "upgrade 3 of model default to 2.6.10 was undone: model default is back at 2.6.4: 1 machine put back, "
            "1 never left it; 2.6.10 is quarantined",
            "start anew with `jujulab upgrade-model -m default --agent-version 2.6.10 --lift-quarantine`",
        ),
        (
            ["done", "skipped"],
            "aborted with 1 of 2 machines on 2.6.10",
            {},
            "upgrade 3 of model default to 2.6.10 was aborted with 1 of 2 machines on 2.6.10",
            "`jujulab retry-upgrade --id 3` takes it up again, `jujulab abort-upgrade 3 --rollback` goes back",
        ),
        (
            ["skipped"],
            "aborted with 0 of 1 machines on 2.6.10",
            {"is-controller": True},
            "upgrade 3 of model default to 2.6.10 was aborted with 0 of 1 machines on 2.6.10",
            "`jujulab retry-upgrade --id 3` takes it up again",
        ),
    ],
)
def test_an_abort_that_went_well_is_no_failure_of_machines(
    phases: list[str], reason: str, more: dict[str, Any], line: str, step: str
) -> None:
    machines = [[agent(f"machine-{index}", phase)] for index, phase in enumerate(phases)]
    ended = record("aborted", *machines, reason=reason, **more)
    assert (upgrades.verdict(ended), upgrades.next_step(ended)) == (line, step)


def test_what_was_to_be_put_back_has_not_failed() -> None:
    machines = [[agent("machine-0", "rolled-back")], [agent("machine-1", "stranded", "by hand: ...")]]
    reason = "rolled back to 2.6.4: 1 of 2 machines; 1 stranded"
    ended = record("aborted", *machines, reason=reason, **{"roll-back": True})
    assert upgrades.verdict(ended) == (
        f"upgrade 3 of model default to 2.6.10 was aborted: {reason} (1 of 2 machines failed)\n"
        "  machine-1: stranded: by hand: ..."
    )


def test_how_many_failed_is_said_once() -> None:
    why = "1 of 2 machines failed: machine 0; 1 was not begun"
    bad = record("failed", [agent("machine-0", "failed", "gone")], [agent("machine-1", "skipped")], reason=why)
    assert upgrades.verdict(bad) == f"upgrade 3 of model default to 2.6.10 failed: {why}\n  machine-0: failed: gone"


def test_how_a_rollout_proceeds_in_a_few_words() -> None:
    assert upgrades.rollout_text({"canary": 0, "batch": "", "no-rollback": False, "checks": []}) == ""
    options = {"canary": 1, "batch": "25%", "max-unreachable": "2", "health-time": 5, "no-rollback": True}
    options["checks"] = [{"name": "web", "tcp": 80}, {"exec": "true"}]
    assert upgrades.rollout_text(options) == (
        "canary 1, batch 25%, max-unreachable 2, health-time 5 s, checks web, exec true, no-rollback"
    )


@pytest.mark.parametrize(
    ("status", "more", "said"),
    [
        ("complete", {}, ""),
        ("aborted", {"roll-back": True}, ""),
        ("running", {}, "Upgrade 3 to 2.6.10 is under way: 1/4 machines are done. See: jujulab show-upgrade 3 --watch"),
        (
            "paused",
            {"reason": "paused by bob"},
            "Upgrade 3 to 2.6.10 is paused by bob: 1/4 machines are done. See: jujulab resume-upgrade 3",
        ),
        ("failed", {"reason": "x"}, "Upgrade 3 to 2.6.10 failed: 1/4 machines are done. See: jujulab show-upgrade 3"),
        (
            "aborted",
            {"reason": "aborted with 1 of 4 machines on 2.6.10"},
            "Upgrade 3 to 2.6.10 was aborted with 1 of 4 machines on 2.6.10. See: jujulab show-upgrade 3",
        ),
    ],
)
def test_what_is_said_to_who_looks_at_the_model(status: str, more: dict[str, Any], said: str) -> None:
    assert upgrades.standing(record(status, phases={"done": 1, "staged": 3}, **more)) == said


def test_every_agent_has_its_history_and_an_owner() -> None:
    one = record("paused", [agent("machine-0", "done"), agent("unit-u-0", "verifying")], [agent("machine-1", "staged")])
    names = ("seq", "time", "tag", "phase", "status", "reason", "by")
    rows = [
        (1, "t1", "", "", "running", "", "admin"),
        (2, "t2", "machine-0", "staged", "", "", "o"),
        (3, "t3", "machine-0", "done", "", "why", "o"),
        (4, "t4", "", "", "paused", "paused by bob", "bob"),
    ]
    whole = upgrades.with_history(one, [dict(zip(names, row, strict=True)) for row in rows])
    assert whole["history"] == [
        {"time": "t1", "status": "running", "by": "admin"},
        {"time": "t4", "status": "paused", "reason": "paused by bob", "by": "bob"},
    ]
    (first, unit), (second,) = (machine["agents"] for machine in whole["machines"])
    assert first["history"] == [
        {"time": "t2", "phase": "staged", "by": "o"},
        {"time": "t3", "phase": "done", "reason": "why", "by": "o"},
    ]
    assert unit["history"] == second["history"] == []
    # What waits while somebody has paused it waits for a human.
    assert [entry["owner"] for entry in (first, unit, second)] == ["", "orchestrator", "human"]


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
    phases, options = {"done": 3, "failed": 1}, {"canary": 1}
    failed = record("failed", id=10, phases=phases, options=options, reason="why")
    shown = render(upgrades.LIST_HEADER, upgrades.rows([record("running"), failed], times), right=("ID",))
    assert click.unstyle(shown).split("\n") == [
        "ID  Model    From   To      Status   Done  Started                Took  By     Rollout   Reason",
        "10  default  2.6.4  2.6.10  failed   3/4   01 Jan 2026 00:00:00Z        admin  canary 1  why",
        " 3  default  2.6.4  2.6.10  running  0/0   01 Jan 2026 00:00:00Z        admin",
    ]
    one = record("running", [agent("machine-0", "done"), agent("unit-ubuntu-0", "failed", "why")])
    shown = click.unstyle(render(upgrades.AGENT_HEADER, upgrades.agent_rows(one, times)))
    assert shown.split("\n")[1:] == [
        "0        machine-0  done    2.6.4    01 Jan 2026 00:00:05Z",
        "         ubuntu/0   failed  2.6.4    01 Jan 2026 00:00:05Z            human  why",
    ]
