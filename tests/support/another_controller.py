"""One more controller on the state of another: a process of its own, as each of a lab's controllers is."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jujulab_core.errors import JujulabError
from jujulab_core.rpc import Client, connect
from jujulab_core.waiting import Deadline, wait_for
from tests.support.controller_process import ADMIN_PASSWORD, Controller, free_port

SECONDS = 20
FOLLOWS, LEADS = "handing connections on", "this controller leads"


class Other:
    """Another controller on the state of the first one.

    Attributes:
        first: The first one.
        port: Where this one listens.
        log: What it says.
        process: Its process.
    """

    def __init__(self, directory: Path, first: Controller, machine_id: str, version: str, says: str) -> None:
        self.first, self.port = first, free_port()
        self.log = directory / "stderr"
        (directory / "data").mkdir(parents=True)
        (directory / "data" / "db").symlink_to(first.directory / "data" / "db")
        with self.log.open("ab") as stderr:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "jujulab_controller", "--data-dir", str(directory / "data")),
                    *("--log-dir", str(directory / "log"), "--agent-version", version),
                    *("--listen", f"127.0.0.1:{self.port}", "--machine-id", machine_id),
                ],
                stderr=stderr,
            )
        self.wait_for(says)

    def wait_for(self, words: str, seconds: float = SECONDS) -> None:
        wait_for(lambda: (words in self.log.read_text() or None, f'"{words}" in {self.log}'), Deadline(seconds), 0.02)

    def admin(self, model: str | None = None) -> Client:
        def probe() -> tuple[Client | None, str]:
            try:
                client = connect([f"127.0.0.1:{self.port}"], self.first.ca, model=model, timeout=5)
            except JujulabError as error:
                return None, str(error)
            try:
                client.log_in("user-admin", ADMIN_PASSWORD)
            except JujulabError as error:
                client.close()
                return None, str(error)
            return client, ""

        return wait_for(probe, Deadline(SECONDS), 0.05)


@contextmanager
def another(
    directory: Path, first: Controller, machine_id: str, version: str = "2.6.4", says: str = FOLLOWS
) -> Iterator[Other]:
    """Another controller, from the moment that it says something, and stopped again at the end."""
    made = Other(directory, first, machine_id, version, says)
    try:
        yield made
    finally:
        made.process.send_signal(signal.SIGTERM)
        assert made.process.wait(SECONDS) == 0
