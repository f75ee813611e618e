"""Watches which version the controller wants, decides, and has it staged (sections G.1 and G.2).

The agent never restarts itself: it stages and waits. Whoever moves its link and restarts it is the
orchestrator, or a person.
"""

from __future__ import annotations

import threading
from typing import NamedTuple

from jujulab_agent.fetch import CancelledError, Fetch, is_complete, remove_leftovers
from jujulab_agent.host import Host
from jujulab_agent.logs import LOG
from jujulab_agent.session import Session
from jujulab_agent.space import NotEnoughSpaceError
from jujulab_core.boundary import reach
from jujulab_core.errors import JujulabError
from jujulab_core.rpc import Client, only_result
from jujulab_core.version import Binary, Number, binary_series

FETCH_RETRY_SECONDS = 5.0
SPACE_RETRY_SECONDS = 60.0
_MODULE = "juju.worker.upgrader"


class Decision(NamedTuple):
    """What to do about a desired version, and the line to log."""

    stage: bool
    message: str


def decide(current: Number, desired: Number, previous: Number | None) -> Decision:
    """Juju's rule for a desired version.

    Args:
        current: The running version.
        desired: What the controller wants.
        previous: The version that this agent had before, while its upgrade steps have not finished; else None.
    """
    rules_of_2_9 = (current.major, current.minor) >= (2, 9)
    mine = current.without_build() if rules_of_2_9 and not desired.build else current
    if desired == mine:
        return Decision(False, f"desired agent binary version: {desired}")
    if rules_of_2_9:
        if desired.major < current.major:
            return Decision(False, f"downgrade from {current} to {desired} is not possible")
    elif (desired.major, desired.minor) < (current.major, current.minor) and desired != previous:
        return Decision(
            False,
            f"desired agent binary version: {desired} is older than current {current}, refusing to downgrade",
        )
    return Decision(True, f"upgrade requested from {current} to {desired}")


def watch_desired_version(client: Client, tag: str) -> str:
    """Starts to watch the version that the controller wants of an agent; returns the watcher's id."""
    watch = client.call("Upgrader", "WatchAPIVersion", {"entities": [{"tag": tag}]})
    return str(only_result(watch)["NotifyWatcherId"])


def next_desired_version(client: Client, tag: str, watcher: str) -> Number:
    """Waits for the next change; the first call answers at once."""
    client.call("NotifyWatcher", "Next", id=watcher, timeout=None)
    wanted = only_result(client.call("Upgrader", "DesiredVersion", {"entities": [{"tag": tag}]}))
    return Number.parse(wanted["version"])


class Upgrader:
    """A machine agent's worker that stages what the controller wants."""

    def __init__(self, host: Host, session: Session, previous: Number | None, upgraded: threading.Event) -> None:
        """Prepares the worker.

        Args:
            host: Whose it is.
            session: The connection.
            previous: The version that the agent comes from, if its upgrade steps have yet to run.
            upgraded: The gate that opens when they have.
        """
        self._host = host
        self._session = session
        self._upgraded = upgraded
        self._previous = previous
        self._job: _Job | None = None

    def run(self) -> None:
        """Watches for as long as the connection lives.

        Raises:
            ConnectionLost: It ended.
        """
        if (self._host.version.major, self._host.version.minor) >= (2, 9):
            # A new target in the midst of upgrade steps would be their end (juju/juju#13047).
            self._upgraded.wait()
        remove_leftovers(self._host.data_dir)
        client = self._session.client()
        watcher = watch_desired_version(client, self._host.tag)
        told = ""
        while True:
            desired = next_desired_version(client, self._host.tag, watcher)
            previous = None if self._upgraded.is_set() else self._previous
            decision = decide(self._host.version, desired, previous)
            if decision.message != told:
                LOG.info(_MODULE, decision.message)
                told = decision.message
            if decision.stage:
                reach(self._host.data_dir, "machine-agent/told")
            self._want(desired if decision.stage else None)

    def _want(self, number: Number | None) -> None:
        if self._job is not None:
            if self._job.number == number and self._job.is_alive():
                return
            self._job.cancel()
        self._job = _Job(self._host, self._session, number) if number else None
        if self._job is not None:
            self._job.start()


class _Job(threading.Thread):
    """Stages one version, trying for ever; reports at every step."""

    def __init__(self, host: Host, session: Session, number: Number) -> None:
        super().__init__(name=f"stage {number}", daemon=True)
        self.number = number
        # From 2.9 back to before, the machine's series is unknown here; the controller's offer tells it.
        self._binary = Binary(number, binary_series(number, host.binary.series), host.binary.arch)
        self._host = host
        self._session = session
        self._cancelled = threading.Event()
        self._fetch = Fetch(host.data_dir, session.context)

    def cancel(self) -> None:
        """Stops trying, also in the midst of a download."""
        self._cancelled.set()
        self._fetch.cancel()

    def run(self) -> None:
        while not self._cancelled.is_set():
            try:
                self._stage()
                return
            except CancelledError:
                return
            except (JujulabError, OSError) as error:
                self._failed(error)
                no_space = isinstance(error, NotEnoughSpaceError)
                self._cancelled.wait(SPACE_RETRY_SECONDS if no_space else FETCH_RETRY_SECONDS)

    def _stage(self) -> None:
        if not is_complete(self._host.data_dir, self._binary):
            entity = {"entities": [{"tag": self._host.tag}]}
            tools = only_result(self._session.client().call("Upgrader", "Tools", entity)).get("tools") or []
            offers = [offer for offer in tools if Binary.parse(offer["version"]).number == self.number]
            if not offers:
                raise JujulabError(f"the controller offers no agent binaries for {self._binary}")
            self._binary = Binary.parse(offers[0]["version"])
            self._report("staging")
            reach(self._host.data_dir, "machine-agent/staging-reported")
            self._fetch.run(self._binary, offers)
        LOG.info(_MODULE, f"agent binaries {self._binary} are staged")
        self._report("staged")
        reach(self._host.data_dir, "machine-agent/staged-reported")

    def _failed(self, error: Exception) -> None:
        LOG.error(_MODULE, str(error))
        self._session.try_call("LabAgent", "Stage", self._params("failed", str(error)))

    def _report(self, state: str) -> None:
        if not self._cancelled.is_set():
            only_result(self._session.client().call("LabAgent", "Stage", self._params(state, "")))

    def _params(self, state: str, reason: str) -> dict[str, str]:
        return {"tag": self._host.tag, "version": str(self._binary), "state": state, "reason": reason}
