"""Progress on stderr: a live line with a bar on a terminal, lines that tell only changes elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

import click

from jujulab.cli.context import talk
from jujulab.cli.output import has_colour


class Progress:
    """Shows how far a job is. A context manager; silent with ``-q``."""

    def __init__(self, title: str) -> None:
        """Nothing is shown before the first :meth:`show`.

        Args:
            title: What the job is, in a few words.
        """
        self._title = title
        self._last = ""
        self._quiet = talk().quiet
        self._live: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        if not self._quiet and sys.stderr.isatty():
            self._live = self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, text: str, done: int = 0, total: int = 0) -> None:
        """Tells where the job is now.

        Args:
            text: The state in a few words.
            done: Parts that are finished.
            total: All parts; 0 where there is nothing to count, and the bar stays where it was.
        """
        if self._live is not None:
            counted = {"completed": done, "total": total} if total else {}
            self._live.update(self._task, detail=text, **counted)
        elif not self._quiet:
            line = f"{self._title}: {f'[{done}/{total}] ' if total else ''}{text}"
            if line != self._last:
                click.echo(line, err=True)
            self._last = line

    def line(self, text: str) -> None:
        """Writes a line that stays, above the live one."""
        if self._live is not None:
            self._live.console.print(text, markup=False, highlight=False)
        elif not self._quiet:
            click.echo(text, err=True)

    def _start(self) -> Any:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Live

        live = Live(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[detail]}", markup=False),
            console=Console(file=sys.stderr, no_color=not has_colour(sys.stderr)),
            transient=True,
        )
        self._task = live.add_task(self._title, total=None, detail="")
        live.start()
        return live
