"""An upgrade on the screen while it goes on: a live table on a terminal, a line for each change elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import IO, Any

import click

from jujulab.cli.context import talk
from jujulab.cli.output import has_colour
from jujulab.status.times import TimeForm, parse
from jujulab.status.upgrades import COLOURS, STATUS_COLOURS, Upgrade, progress, rollout_text
from jujulab.status.upgradestory import Story, screen

# Lines of the screen that are not machines: the heading, the bar, the table's own.
_AROUND = 6
_REFRESH = 4


class UpgradeShown:
    """Shows one upgrade for as long as it is followed. A context manager; silent with ``-q``."""

    def __init__(self, times: TimeForm, *, lines_to_stdout: bool = False) -> None:
        """Nothing is shown before the first :meth:`update`.

        Args:
            times: How times are shown.
            lines_to_stdout: Whether the changes are what was asked for, and not talk.
        """
        self._story = Story(times)
        self._out: IO[str] = sys.stdout if lines_to_stdout else sys.stderr
        self._quiet = talk().quiet and not lines_to_stdout
        self._upgrade: Upgrade | None = None
        self._note = ""
        self._live: Any = None

    @property
    def seq(self) -> int:
        """The number of the last event that is known here."""
        return self._story.seq

    def __enter__(self) -> UpgradeShown:
        if not self._quiet and self._out.isatty() and sys.stderr.isatty():
            self._live = self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def pass_over(self, upgrade: Upgrade, events: Sequence[Mapping[str, Any]]) -> None:
        """Takes in what happened before, and does not tell of it."""
        self._story.tell(upgrade, events)

    def update(self, upgrade: Upgrade, events: Sequence[Mapping[str, Any]]) -> None:
        """Shows where the upgrade is now, and what has changed since the last time."""
        self._upgrade, self._note = upgrade, ""
        lines = self._story.tell(upgrade, events)
        if self._live is None and not self._quiet:
            for line in lines:
                click.echo(line, file=self._out)

    def waiting(self, what: str) -> None:
        """Says what is waited for while the controller cannot be asked."""
        if self._live is None and not self._quiet and self._note != what:
            click.echo(what, err=True)
        self._note = what

    def _start(self) -> Any:
        from rich.console import Console
        from rich.live import Live

        console = Console(file=sys.stderr, no_color=not has_colour(sys.stderr), highlight=False)
        live = Live(
            console=console,
            transient=True,
            refresh_per_second=_REFRESH,
            get_renderable=lambda: self._picture(console.size.height),
        )
        live.start()
        return live

    def _picture(self, height: int) -> Any:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        upgrade = self._upgrade
        if upgrade is None:
            return Text(self._note)
        now = datetime.now(UTC)
        counted, ended, total = progress(upgrade)
        head = Text.assemble(
            f"Upgrade {upgrade['id']} of {upgrade['model-name']}: {upgrade['from']} -> {upgrade['to']}  ",
            (upgrade["status"], STATUS_COLOURS.get(upgrade["status"], "cyan")),
            f"  {_elapsed(upgrade['started'], now)}",
        )
        rollout = rollout_text(upgrade.get("options") or {})
        extra = [Text(text) for text in (rollout, str(upgrade.get("reason") or ""), self._note) if text]
        rows, rest = screen(upgrade, max(height - _AROUND - len(extra), 3))
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for title in ("Machine", "Phase", "For", "Due in", "Units", "Reason"):
            table.add_column(title, no_wrap=title != "Reason", overflow="ellipsis")
        for row in rows:
            left = _elapsed(now.isoformat(), parse(row.deadline)) if row.deadline else ""
            phase = Text(row.phase, COLOURS.get(row.phase, ""))
            table.add_row(row.machine, phase, _elapsed(row.since, now), left, row.agents, row.reason)
        bar = Table.grid(padding=(0, 2, 0, 0))
        bar.add_row(ProgressBar(total=max(total, 1), completed=ended, width=30), f"{ended}/{total}", counted)
        return Group(head, *extra, bar, table, *([Text(rest)] if rest else []))


def _elapsed(begin: str, end: datetime) -> str:
    """``12 s``, ``3 min 20 s``, ``2 h 5 min``."""
    seconds = max(round((end - parse(begin)).total_seconds()), 0)
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    return f"{minutes // 60} h {minutes % 60} min"
