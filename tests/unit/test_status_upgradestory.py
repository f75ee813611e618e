"""How an upgrade is told while it goes on."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jujulab.rollout.phases import Phase
from jujulab.status.times import TimeForm
from jujulab.status.upgradestory import Story, machines_text, screen


def upgrade(*phases: str, **more: Any) -> dict[str, Any]:
    machines = [
        {
            "id": str(number),
            "agents": [
                {"tag": f"machine-{number}", "phase": phase, "reason": "", "since": "2026-01-01T00:00:00Z"},
                {"tag": f"unit-u-{number}", "phase": phase, "reason": "", "since": "2026-01-01T00:00:00Z"},
            ],
        }
        for number, phase in enumerate(phases)
    ]
    named = {"id": 3, "model-name": "default", "from": "2.6.4", "to": "2.6.10", "status": "running"}
    return named | {"machines": machines, "options": {"canary": 1}} | more


class Events:
    """Makes events as the controller gives them, one a second."""

    def __init__(self) -> None:
        self.seq = 0

    def __call__(self, *rows: tuple[str, str] | tuple[str, str, str]) -> list[dict[str, Any]]:
        made = []
        for tag, word, *reason in rows:
            self.seq += 1
            what = {"phase": word, "status": ""} if tag else {"phase": "", "status": word}
            event = {"seq": self.seq, "time": f"2026-01-01T00:00:{self.seq:02}Z", "tag": tag, "by": "admin"}
            made.append(event | what | {"reason": "".join(reason)})
        return made


def test_a_story_from_its_beginning_to_its_end() -> None:
    story, events, record = Story(TimeForm(zone=UTC)), Events(), upgrade(*["done"] * 4)
    begin = events(("", "running"), *((f"machine-{number}", "pending") for number in range(4)))
    assert story.tell(record, begin) == [
        "00:00:01Z upgrade 3 of model default: 2.6.4 -> 2.6.10, machines 0-3; canary 1"
    ]
    staged = events(*((f"{kind}-{n}", "staged") for n in (0, 1, 3) for kind in ("machine", "unit-u")))
    assert story.tell(record, staged) == ["00:00:10Z [0/4] machines 0-1, 3: staged"]
    more = events(("machine-0", "done"), ("machine-1", "failed", "it is gone"), ("", "paused", "paused by bob"))
    assert story.tell(record, more) == [
        "00:00:12Z [1/4] machine 0: done",
        "00:00:13Z [1/4] machine 1: failed: it is gone",
        "00:00:14Z [1/4] paused by bob",
    ]
    assert story.seq == events.seq
    assert story.tell(record, []) == []
    again = events(("", "running"), ("machine-1", "pending"), ("machine-1", "done"), ("", "complete"))
    assert story.tell(record, again) == [
        "00:00:15Z upgrade 3 goes on, by admin",
        "00:00:16Z [1/4] machine 1: pending",
        "00:00:17Z [2/4] machine 1: done",
        "00:00:18Z [2/4] complete",
    ]


def test_a_model_without_machines_has_a_story_too() -> None:
    story, events = Story(TimeForm(zone=UTC)), Events()
    assert story.tell(upgrade(options={}), events(("", "running"), ("", "complete"))) == [
        "00:00:01Z upgrade 3 of model default: 2.6.4 -> 2.6.10, no machines",
        "00:00:02Z complete",
    ]


@pytest.mark.parametrize(
    ("machines", "text"),
    [
        ([], ""),
        (["3"], "machine 3"),
        (["0", "1"], "machines 0-1"),
        (["10", "9", "2", "8"], "machines 2, 8-10"),
    ],
)
def test_names_of_machines(machines: list[str], text: str) -> None:
    assert machines_text(machines) == text


def test_a_small_fleet_is_shown_whole() -> None:
    rows, rest = screen(upgrade("done", "swapping"), 2)
    assert [(row.machine, row.agents, row.phase) for row in rows] == [("0", "u/0", "done"), ("1", "u/1", "swapping")]
    assert rest == ""


def test_of_a_large_fleet_that_is_shown_where_something_happens() -> None:
    rows, rest = screen(upgrade("done", "done", "staged", "swapping", "done", "failed", "staged"), 4)
    assert [(row.machine, row.phase) for row in rows] == [("2", "staged"), ("3", "swapping"), ("5", "failed")]
    assert rest == "... and 4 more: 1 staged, 3 done"


@given(st.lists(st.sampled_from([*Phase]), max_size=40), st.integers(1, 45))
def test_no_machine_is_forgotten_and_the_screen_is_never_too_small(phases: list[Phase], room: int) -> None:
    rows, rest = screen(upgrade(*phases), room)
    assert len(rows) + bool(rest) <= room
    more = int(rest.split()[2]) if rest else 0
    assert len(rows) + more == len(phases)
