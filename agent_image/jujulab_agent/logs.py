"""The agent's log.

Lines go to standard error, which the service appends to the agent's log file, and into a bounded buffer for
the controller's ``debug-log``.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any

# What is kept for a controller that cannot be reached; the file has everything.
BUFFERED_LINES = 2_000
BATCH_LINES = 200


class Log:
    """Where an agent writes what it does. Safe to use from any thread."""

    def __init__(self) -> None:
        self.debug_enabled = False
        self.on_line: Callable[[], None] = lambda: None
        self._buffer: deque[dict[str, str]] = deque(maxlen=BUFFERED_LINES)

    def debug(self, module: str, message: str) -> None:
        """Details; only with ``--debug``, and never sent to the controller."""
        if self.debug_enabled:
            self._write("DEBUG", module, message)

    def info(self, module: str, message: str) -> None:
        """What happens."""
        self._keep(self._write("INFO", module, message), "INFO", module, message)

    def warning(self, module: str, message: str) -> None:
        """What a person may want to look at."""
        self._keep(self._write("WARNING", module, message), "WARNING", module, message)

    def error(self, module: str, message: str) -> None:
        """What failed."""
        self._keep(self._write("ERROR", module, message), "ERROR", module, message)

    def take_batch(self) -> list[dict[str, str]]:
        """Removes and returns the oldest lines not yet sent to the controller."""
        batch: list[dict[str, str]] = []
        while self._buffer and len(batch) < BATCH_LINES:
            batch.append(self._buffer.popleft())
        return batch

    def put_back(self, batch: list[dict[str, str]]) -> None:
        """Returns a batch that could not be sent, to be sent first; drops the oldest that do not fit."""
        room = BUFFERED_LINES - len(self._buffer)
        self._buffer.extendleft(reversed(batch[-room:] if room else []))

    def _write(self, level: str, module: str, message: str) -> float:
        now = time.time()
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now))
        # A full disk must not stop the agent.
        with contextlib.suppress(OSError):
            # One write, so that lines of several threads do not mix.
            os.write(2, f"{stamp} {level} {module} {message}\n".encode())
        return now

    def _keep(self, now: float, level: str, module: str, message: str) -> None:
        frame: Any = sys._getframe(2)
        self._buffer.append(
            {
                "ts": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now % 1 * 1000):03d}Z",
                "level": level,
                "module": module,
                "location": f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}",
                "message": message,
            }
        )
        self.on_line()


LOG = Log()
