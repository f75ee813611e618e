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
    """Gives a function that is told of each step as it begins; any thread may call it.

    A text ``STEP: DETAIL`` is about the same step for as long as STEP is the same: the detail is shown while the step
    is under way on a terminal, and nowhere else.
    """
    lock = threading.Lock()
    current = ""
    if talk().quiet or not output.has_colour(sys.stderr):

        def tell(text: str) -> None:
            nonlocal current
            step = text.partition(": ")[0]
            with lock:
                if step != current:
                    current = step
                    output.info(step)

        yield tell
        return
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=True, highlight=False)
    with console.status("looking around …") as status:

        def show(text: str) -> None:
            nonlocal current
            step = text.partition(": ")[0]
            with lock:
                if current and step != current:
                    console.print(f"[green]✓[/green] {escape(current)}")
                current = step
                status.update(f"{escape(text)} …")

        yield show
        if current:
            console.print(f"[green]✓[/green] {escape(current)}")
