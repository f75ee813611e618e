"""Waiting: every wait has a deadline and says what it waits for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from jujulab_core.errors import DeadlineError

T = TypeVar("T")

# Never set: waiting on it is a pause that is cut short by nothing but an exception in the main thread.
_NEVER = threading.Event()


class Deadline:
    """A point in time by which a wait must have ended."""

    def __init__(self, seconds: float, next_step: str | None = None) -> None:
        """Sets the deadline that many seconds from now; `next_step` is what a person does when it passes."""
        self.seconds = seconds
        self._end = time.monotonic() + seconds
        self._next_step = next_step

    def left(self, waiting_for: str) -> float:
        """Seconds that are left.

        Raises:
            DeadlineError: None; the message says what was being waited for.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise DeadlineError(
                f"gave up after {self.seconds:g} s, waiting for {waiting_for}", next_step=self._next_step
            )
        return left


def wait_for(probe: Callable[[], tuple[T | None, str]], deadline: Deadline, interval: float = 0.25) -> T:
    """Asks the probe again and again until it gives something.

    Args:
        probe: Gives the result, or None and what it still waits for.
        deadline: When to give up.
        interval: Seconds between two questions.

    Raises:
        DeadlineError: The probe gave nothing in time; the message says what it was waiting for.
    """
    while True:
        result, waiting_for = probe()
        if result is not None:
            return result
        _NEVER.wait(min(interval, deadline.left(waiting_for)))
