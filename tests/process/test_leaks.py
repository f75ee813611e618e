"""Logins that come and go, politely or not, leave nothing open in the controller."""

from __future__ import annotations

import os
from pathlib import Path

from jujulab_core.waiting import Deadline, wait_for
from tests.support.controller_process import Controller, running

LOGINS = 200
# What a controller keeps for good, such as threads that it starts when they are first needed, it has by then.
WARM_UP = 20
# Python's own default for the event loop's pool, which one login or another may be the first to fill.
POOL_THREADS = min(32, (os.cpu_count() or 1) + 4)


def come_and_go(controller: Controller, times: int) -> None:
    """Logs in, waits for changes, and leaves in the middle of that; every second one leaves before he has logged in."""
    for count in range(times):
        if count % 2:
            controller.connect().close()
            continue
        client = controller.admin()
        watcher = client.call("LabProvisioner", "Watch")["watcher-id"]
        client.call("NotifyWatcher", "Next", id=watcher)
        client.submit("NotifyWatcher", "Next", id=watcher, on_done=lambda _: None)
        client.close()


def counts(controller: Controller) -> tuple[int, int]:
    """How many files and threads the process has open."""
    process = Path("/proc") / str(controller.pid)
    return len(list((process / "fd").iterdir())), len(list((process / "task").iterdir()))


def test_many_logins_leave_nothing_open(tmp_path: Path) -> None:
    with running(tmp_path / "c") as controller:
        come_and_go(controller, WARM_UP)
        files, threads = counts(controller)
        come_and_go(controller, LOGINS)

        def probe() -> tuple[bool | None, str]:
            now = counts(controller)
            # Of connections that have just ended some may have been counted, and pools of threads grow to a limit.
            same = now[0] <= files and now[1] <= threads + POOL_THREADS
            return same or None, f"files and threads {now} to be {files, threads} again"

        wait_for(probe, Deadline(30))
