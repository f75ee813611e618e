"""Who mends a fault when its time is up: ``python -m jujulab.faults.keeper LAB NUMBER``, a process of its own.

``fault --for`` starts it and returns. The ledger has the last word: a keeper ends when its fault is mended by somebody
else or its lab is removed, and what a killed keeper leaves is mended by the next command that deals with faults.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from docker.errors import DockerException
from requests.exceptions import RequestException

from jujulab.faults.ledger import Ledger
from jujulab.faults.making import heal
from jujulab.faults.model import Record, Scene, UnknownFaultError
from jujulab.lab import names
from jujulab.lab.engine import Engine
from jujulab.store import Store
from jujulab_core.errors import JujulabError
from jujulab_core.waiting import Deadline, wait_for

# What it writes when it cannot mend, in the lab's directory.
LOG = "faults.log"
# A machine that is being stopped or started, or an engine that restarts, takes some time.
_TRY_SECONDS = 120.0


def start(lab: str, record: Record) -> None:
    """Starts the keeper of a fault, apart from this process and its terminal."""
    log = Store.default().lab_dir(lab) / LOG
    with log.open("ab") as output:
        subprocess.Popen(
            [sys.executable, "-m", "jujulab.faults.keeper", lab, str(record.id)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=Path("/"),
            env=dict(os.environ),
            start_new_session=True,
        )


def keep(lab: str, number: int) -> None:
    """Waits until the fault's time is up and mends it.

    Raises:
        JujulabError: It could not be mended; the next command that deals with faults tries again.
    """
    with Engine() as engine:
        scene = Scene(engine, lab)
        try:
            since = int(time.time())
            record = Ledger(engine, lab).find(number)
            while _seconds_left(record) > 0:
                _wait_for_news(engine, lab, record, since)
                since = int(time.time())
                if Ledger(engine, lab).find(number).began != record.began:
                    return
        except UnknownFaultError:
            return

        def probe() -> tuple[bool | None, str]:
            try:
                heal(scene, record)
            except JujulabError as error:
                return None, f"fault {number} to be mended: {error}"
            return True, ""

        wait_for(probe, Deadline(_TRY_SECONDS), 2.0)


def _seconds_left(record: Record) -> float:
    return (datetime.fromisoformat(record.until) - datetime.now(UTC)).total_seconds()


def _wait_for_news(engine: Engine, lab: str, record: Record, since: int) -> None:
    """Returns when the ledger was written since then, the lab is gone, or the fault's time is up."""
    try:
        events = engine.client.events(
            since=since,
            until=int(datetime.fromisoformat(record.until).timestamp()),
            filters={"container": names.container(lab, names.STREAMS), "event": ["extract-to-dir", "destroy"]},
        )
        try:
            next(events, None)
        finally:
            events.close()
    except (DockerException, RequestException):
        # The engine is being restarted, perhaps by who rehearses just that.
        wait_for(lambda: _answers(engine), Deadline(_TRY_SECONDS), 1.0)


def _answers(engine: Engine) -> tuple[bool | None, str]:
    try:
        return bool(engine.client.ping()), ""
    except (DockerException, RequestException):
        return None, "the Docker engine"


def main() -> int:
    """Reads the arguments; whoever started it has gone, so that what goes wrong is only written down."""
    lab, number = sys.argv[1:]
    try:
        keep(lab, int(number))
    except JujulabError as error:
        print(f"{datetime.now(UTC).isoformat()} ERROR {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
