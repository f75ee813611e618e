"""Telling of steps that follow one another: a line each, and on a terminal a spinner for the one under way."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jujulab.cli import output
from jujulab.cli.context import talk


@contextmanager
def steps() -> Iterator[Callable[[str], None]]:
    """Gives a function that is told of each step as it begins; any thread may call it."""
    if talk().quiet or not output.has_colour(sys.stderr):
        yield output.info
        return
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=True, highlight=False)
    lock = threading.Lock()
    with console.status("looking around") as status:
        last = ""

        def report(text: str) -> None:
            nonlocal last
            with lock:
                if last:
                    console.print(f"[green]✓[/green] {escape(last)}")
                last = text
                status.update(f"{escape(text)} …")

        yield report
        if last:
            console.print(f"[green]✓[/green] {escape(last)}")
