"""The life of an agent's process: its threads, and a stop that never waits for them.

Whatever a thread is doing, what it has written is whole (files are replaced, directories renamed), so the
process may end at any moment; that is what makes a stop quick.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial

from jujulab_agent import defects
from jujulab_agent.logs import LOG
from jujulab_agent.session import Session
from jujulab_core.errors import ConnectionLost, JujulabError

# Juju restarts a worker that failed after this long (the Juju upgrade specification, section G.1, step 7).
RESTART_SECONDS = 3.0
NOTICE_SECONDS = 0.05
_FAREWELL_SECONDS = 0.05

Work = Callable[[], None]


def run(session: Session, workers: dict[str, Callable[[], Work]]) -> None:
    """Runs until SIGTERM; does not return.

    Args:
        session: Keeps the connection.
        workers: What makes the work of a thread, by name: called once the agent has logged in for the first
            time; the work is then done, and done again whenever it fails.
    """
    # Not an event: its lock is not reentrant, so that a signal in the midst of `wait` would wait for itself for ever.
    # Nor is the pipe written by a handler in Python: that one runs when `read` returns, and a signal that comes just
    # before the process enters `read` does not make it return.
    stop, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    if defects.active("crash-after"):
        _start("defect", lambda: _crash(defects.crash_delay()))
    if defects.active("never-ready"):
        LOG.warning("juju.agent", "this release never logs in (defect never-ready)")
    else:
        session.on_first_login = lambda: _start_workers(session, workers)
        _start("session", session.run)
    os.read(stop, 1)
    # A polite good-bye, as long as it costs nothing.
    farewell = threading.Thread(target=session.hang_up, daemon=True)
    farewell.start()
    farewell.join(_FAREWELL_SECONDS)
    os._exit(0)


def _start(name: str, function: Callable[[], None]) -> None:
    def guarded() -> None:
        try:
            function()
        except BaseException:
            # A bug: an agent without this thread would look alive. The service starts it anew.
            import traceback

            LOG.error("juju.agent", f"{name} failed: {traceback.format_exc()}")
            os._exit(1)

    threading.Thread(target=guarded, name=name, daemon=True).start()


def _start_workers(session: Session, workers: dict[str, Callable[[], Work]]) -> None:
    for name, make in workers.items():
        _start(name, partial(_keep_working, name, make, session))


def _keep_working(name: str, make: Callable[[], Work], session: Session) -> None:
    work = make()
    pause = threading.Event()
    while True:
        try:
            return work()
        except ConnectionLost:
            # The session may notice a moment later than this thread.
            pause.wait(NOTICE_SECONDS)
            session.client()
        except (JujulabError, OSError) as error:
            LOG.error(f"juju.worker.{name}", f"{error}; restarting in {RESTART_SECONDS:g}s")
            pause.wait(RESTART_SECONDS)


def _crash(seconds: int) -> None:
    threading.Event().wait(seconds)
    LOG.error("juju.agent", f"crashing {seconds} s after the start (defect crash-after)")
    sys.stderr.flush()
    os._exit(1)
