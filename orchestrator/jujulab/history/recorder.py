"""Adding to a history: cheap, safe against a crash at any point, and never in anybody's way."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jujulab.history.event import Event, Kind
from jujulab_core.errors import JujulabError, RpcError, UsageError


class Recorder:
    """Appends to one history for one process (in the history's sense: whoever does one thing at a time).

    Each event is one write at the end of the file, so that any number of writers may share it. Whether it can be
    written changes nothing about what is recorded: a history with a gap is better than a command that fails for it.
    """

    def __init__(self, path: Path, name: str) -> None:
        """Takes the file, made (0600) by the first event, and the process's name, made unique here."""
        self.path = path
        self.process = f"{name}-{uuid.uuid4().hex[:8]}"

    def add(self, kind: Kind, function: str, value: Any = None) -> Event:
        """Writes an event with the time of now."""
        event = Event(time.time(), time.monotonic(), self.process, kind, function, value)
        self.write(event)
        return event

    def observe(self, function: str, value: Any) -> None:
        """Writes what was seen."""
        self.add(Kind.OBSERVATION, function, value)

    def write(self, event: Event) -> None:
        """Writes an event as it is."""
        with contextlib.suppress(OSError):
            handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                line = event.to_line().encode()
                if os.write(handle, line) < len(line):
                    # A full disk: the torn line must not take the next one with it.
                    os.write(handle, b"\n")
            finally:
                os.close(handle)

    @contextlib.contextmanager
    def operation(self, function: str, value: Any = None) -> Iterator[None]:
        """Records the begin and the end of the block; how it ended is read from its exception."""
        self.add(Kind.INVOKE, function, value)
        try:
            yield
        except BaseException as error:
            self.add(outcome_of(error), function, {"error": f"{type(error).__name__}: {error}"})
            raise
        self.add(Kind.OK, function)


def outcome_of(error: BaseException) -> Kind:
    """How an operation ended that raised this: a refusal changed nothing; whatever else may have changed something."""
    if isinstance(error, UsageError):
        return Kind.FAIL
    if isinstance(error, RpcError):
        return Kind.FAIL
    return Kind.OK if isinstance(error, JujulabError) and error.exit_code == UPGRADE_ENDED_BADLY else Kind.UNKNOWN


# The exit code of a command that did what it was asked, and waited for an end that was not good.
UPGRADE_ENDED_BADLY = 4
