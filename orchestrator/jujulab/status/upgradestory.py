"""An upgrade as it goes on: the lines that tell of each change, and the few machines that fit on a screen. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from jujulab.rollout.phases import BAD, IN_FLIGHT, TERMINAL, Phase
from jujulab.status.times import TimeForm
from jujulab.status.upgrades import Upgrade, machine_phase, rollout_text, with_reason
from jujulab_core.tags import split_tag


class Story:
    """Turns the events of an upgrade into lines; a machine stands for its units, machines that do the same for one.

    Attributes:
        seq: The number of the last event that was told.
    """

    def __init__(self, times: TimeForm) -> None:
        self.seq = 0
        self._times = times
        self._phases: dict[str, Phase] = {}

    def tell(self, upgrade: Upgrade, events: Sequence[Mapping[str, Any]]) -> list[str]:
        """The lines about new events.

        Args:
            upgrade: The record, for what the upgrade is.
            events: What is new, oldest first.
        """
        lines = []
        told = [event for event in events if not event["tag"] or event["tag"].startswith("machine-")]
        for (status, phase, reason), group in groupby(
            told, key=lambda event: (event["status"], event["phase"], event["reason"])
        ):
            same = list(group)
            when = self._times.timestamp(same[-1]["time"])
            if status:
                lines.append(f"{when} {self._status(upgrade, status, reason, same[-1]['by'])}")
            elif what := self._phase([split_tag(event["tag"])[1] for event in same], Phase(phase), reason):
                lines.append(f"{when} {self._count(upgrade)} {what}")
        self.seq = max([self.seq, *(event["seq"] for event in events)])
        return lines

    def _status(self, upgrade: Upgrade, status: str, reason: str, by: str) -> str:
        if status == "running":
            if self._phases:
                return f"upgrade {upgrade['id']} goes on, by {by}"
            rollout = rollout_text(upgrade.get("options") or {})
            return (
                f"upgrade {upgrade['id']} of model {upgrade['model-name']}: {upgrade['from']} -> {upgrade['to']}, "
                f"{machines_text([machine['id'] for machine in upgrade['machines']]) or 'no machines'}"
                f"{f'; {rollout}' if rollout else ''}"
            )
        count = f"{self._count(upgrade)} " if self._phases else ""
        return f"{count}{with_reason(status, reason)}"

    def _phase(self, machines: list[str], phase: Phase, reason: str) -> str:
        known = any(machine in self._phases for machine in machines)
        self._phases |= dict.fromkeys(machines, phase)
        if phase is Phase.PENDING and not known:
            return ""
        return f"{machines_text(machines)}: {phase}{f': {reason}' if reason else ''}"

    def _count(self, upgrade: Upgrade) -> str:
        done = sum(phase is Phase.DONE for phase in self._phases.values())
        return f"[{done}/{len(upgrade['machines'])}]"


class Row(NamedTuple):
    """A machine on the screen.

    Attributes:
        machine: Its id.
        agents: Its units.
        phase: How far it is.
        since: Since when, RFC 3339.
        deadline: By when it must be further, or None.
        reason: Why, where that needs saying.
    """

    machine: str
    agents: str
    phase: Phase
    since: str
    deadline: str | None
    reason: str


def screen(upgrade: Upgrade, room: int) -> tuple[list[Row], str]:
    """The machines to show, and a line about those for which there is no room.

    In a fleet that is too large those are shown in which something happens or went wrong, by their ids.

    Args:
        upgrade: The record.
        room: How many lines there are, that line included.
    """
    rows = [_row(machine) for machine in upgrade["machines"] if machine["agents"]]
    if len(rows) <= room:
        return rows, ""
    chosen = sorted(range(len(rows)), key=lambda index: (_interest(rows[index]), index))[: max(room - 1, 0)]
    left = Counter(row.phase for index, row in enumerate(rows) if index not in chosen)
    order = [*Phase]
    counted = ", ".join(f"{left[phase]} {phase}" for phase in sorted(left, key=order.index))
    return [rows[index] for index in sorted(chosen)], f"... and {left.total()} more: {counted}"


def machines_text(machines: Iterable[str]) -> str:
    """``machine 3``, or ``machines 0-3, 7``; empty for none."""
    numbers = sorted(int(machine) for machine in machines)
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    parts = [str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs]
    return f"machine{'' if len(numbers) == 1 else 's'} {', '.join(parts)}" if numbers else ""


def _row(machine: Mapping[str, Any]) -> Row:
    phase = machine_phase(machine)
    agent = next(agent for agent in machine["agents"] if agent["phase"] == phase)
    units = ", ".join(split_tag(entry["tag"])[1] for entry in machine["agents"] if entry["tag"].startswith("unit-"))
    reason = agent["reason"] or agent.get("stage-reason") or ""
    return Row(machine["id"], units, phase, agent["since"], agent.get("deadline"), reason)


def _interest(row: Row) -> int:
    if row.phase in BAD:
        return 0
    if row.phase in IN_FLIGHT:
        return 1
    return 3 if row.phase in TERMINAL else 2
