"""When a wait ends."""

from __future__ import annotations

import time
from collections.abc import Callable

from jujulab_core.errors import DeadlineError


class Deadline:
    """A point in time by which a wait must have ended."""

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        """Starts the wait.

        Args:
            seconds: How long it may last.
            now: The clock, in seconds.
        """
        self.seconds = seconds
        self._now = now
        self._end = now() + seconds

    def left(self, waiting_for: str) -> float:
        """Seconds that are left.

        Raises:
            DeadlineError: None; the message says what was being waited for.
        """
        left = self._end - self._now()
        if left <= 0:
            raise DeadlineError(
                f"gave up after {self.seconds:g} s, waiting for {waiting_for}",
                next_step="run the same command again to go on, or give it longer with --timeout",
            )
        return left
