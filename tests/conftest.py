"""What all tests share: how they choose their examples, and that they leave nothing behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests import leaks

# What decides whether a change lands tries the same examples each time; whoever works on it finds new ones.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("dev", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

leaks.mark_children()

# A shell starts what it puts into the background with interrupts ignored, and that is inherited: by the programs, too,
# that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test module leaves a process, a thread, an open file or a temporary file behind."""
    with leaks.nothing_left(tmp_path_factory.mktemp("tmp")):
        yield
