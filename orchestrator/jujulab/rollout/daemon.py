"""The loop around the rules: watch the controller, decide, record, act.

It is crash-only: killed at any point and started again it goes on from the controller's record and from what the
machines say. It acts only while it holds the controller's lease, and every act carries the lease's token.
"""

from __future__ import annotations

import logging
import queue
import socket
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from jujulab.rollout import gate, model, phases, rules
from jujulab.rollout.acts import Act, Busy, Decision, Limits, Result
from jujulab.rollout.checks import Opinion, Verdict
from jujulab.rollout.hands import FencedError, Hands
from jujulab.rollout.model import Machine, Upgrade
from jujulab_core.boundary import reach
from jujulab_core.errors import ConnectionLost, JujulabError, RpcError
from jujulab_core.layout import DATA_DIR
from jujulab_core.rpc import Client, Reply, connect

log = logging.getLogger("jujulab.orchestrator")

LEASE_SECONDS = 15.0
_RECONNECT_SECONDS = 0.2
_RECONNECT_MOST_SECONDS = 5.0
# The code of a record that comes too late.
_TRY_AGAIN = "try again"
# SSH sessions at a time: each waits for its machine nearly all of its time.
_HANDS = 32


@dataclass(frozen=True)
class Settings:
    """Where the controller is and who this is.

    Attributes:
        addresses: ``host:port`` of the controller.
        ca_cert: The lab's CA.
        tag: The login's tag.
        password: Its password.
        limits: Deadlines of the rollout.
    """

    addresses: list[str]
    ca_cert: str
    tag: str
    password: str
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class _Finished:
    """An act has ended."""

    upgrade: int
    machine: str
    result: Result | None
    fenced: str = ""


class _Changed:
    """The watcher has fired, or the connection is gone; either way it is time to look."""


class _Stop:
    """Somebody wants this process to end."""


_Event = _Finished | _Changed | _Stop


class Orchestrator:
    """One orchestrator. :meth:`run` returns only after :meth:`stop`."""

    def __init__(self, settings: Settings, hands: Hands) -> None:
        self._settings = settings
        self._hands = hands
        self._holder = f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
        self._events: queue.SimpleQueue[_Event] = queue.SimpleQueue()
        self._busy: dict[tuple[int, str], Busy] = {}
        self._prepared: set[tuple[int, str]] = set()
        self._stopping = False
        self._leased_until = 0.0
        self._pool = ThreadPoolExecutor(_HANDS, thread_name_prefix="hands")

    def stop(self) -> None:
        """Makes :meth:`run` return soon; may be called from a signal handler."""
        self._stopping = True
        self._events.put(_Stop())

    def run(self) -> None:
        """Carries out upgrades until stopped; a lost controller is looked for for ever."""
        pause = _RECONNECT_SECONDS
        idle = threading.Event()
        while not self._stopping:
            try:
                with self._connect() as client:
                    log.info("connected to the controller %s", client.login.server_version if client.login else "")
                    reach(DATA_DIR, "orchestrator/connected")
                    pause = _RECONNECT_SECONDS
                    self._serve(client)
            except (JujulabError, OSError) as error:
                log.info("not connected: %s", error)
                idle.wait(pause)
                pause = min(pause * 2, _RECONNECT_MOST_SECONDS)
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._hands.close()

    def _connect(self) -> Client:
        client = connect(self._settings.addresses, self._settings.ca_cert)
        try:
            client.log_in(self._settings.tag, self._settings.password)
        except BaseException:
            client.close()
            raise
        return client

    def _serve(self, client: Client) -> None:
        watcher = client.call("LabOrchestrator", "WatchUpgrades")["watcher-id"]
        self._watch(client, watcher)
        claimed_at, token = 0.0, 0
        while not self._stopping:
            now = time.time()
            if now - claimed_at > LEASE_SECONDS / 3:
                asked = time.monotonic()
                claim = client.call("LabOrchestrator", "Claim", {"holder": self._holder, "ttl": LEASE_SECONDS})
                claimed_at, token = now, claim["token"] if claim["granted"] else 0
                # On a clock that no one sets, counted from before the claim was asked for.
                self._leased_until = asked + LEASE_SECONDS
            wake = now + LEASE_SECONDS / 3
            if token:
                wake = min(wake, self._work(client, token))
            self._wait(client, max(wake - time.time(), 0.0), token)

    def _watch(self, client: Client, watcher: str) -> None:
        """Asks for the next change; the answer puts an event and asks again."""

        def answered(reply: Reply) -> None:
            self._events.put(_Changed())
            try:
                reply.result(0)
                self._watch(client, watcher)
            except JujulabError as error:
                # The main loop notices the same and connects again.
                log.debug("watching ended: %s", error)

        client.submit("NotifyWatcher", "Next", id=watcher, on_done=answered)

    def _wait(self, client: Client, seconds: float, token: int) -> None:
        """Waits for an event and takes in all that are there."""
        try:
            events = [self._events.get(timeout=seconds)] if seconds else []
        except queue.Empty:
            return
        while not self._events.empty():
            events.append(self._events.get())
        if not client.is_open:
            # Results of acts must not get lost: the next connection reads them.
            for event in events:
                if isinstance(event, _Finished):
                    self._events.put(event)
            raise ConnectionLost("the connection to the controller ended")
        finished = [event for event in events if isinstance(event, _Finished)]
        if not finished:
            return
        try:
            self._take_in(client, finished, token)
        except JujulabError:
            # Recorded or not, nobody knows: the next connection reads what the record says and tries again.
            for event in finished:
                self._events.put(event)
            raise
        fenced = next((event.fenced for event in finished if event.result is None), None)
        if fenced is not None:
            raise JujulabError(f"this orchestrator was replaced: {fenced}")

    def _work(self, client: Client, token: int) -> float:
        """Looks at every upgrade, decides, records and begins to act; returns when to look again."""
        wake = float("inf")
        upgrades = [model.from_wire(wire) for wire in client.call("LabOrchestrator", "ActiveUpgrades")["upgrades"]]
        self._tidy(upgrades)
        for upgrade in upgrades:
            now = time.time()
            busy = {machine: entry for (number, machine), entry in self._busy.items() if number == upgrade.id}
            decision = rules.decide(upgrade, busy, now, self._settings.limits)
            try:
                self._record(client, token, upgrade, decision)
            except RpcError as error:
                if error.code != _TRY_AGAIN:
                    raise
                # A pause or an abort came between the look and the record: nothing of the decision holds any more.
                wake = min(wake, now + _RECONNECT_SECONDS)
                continue
            for machine_id, act in decision.acts:
                machine = upgrade.machine(machine_id)
                if machine is not None:
                    self._begin(upgrade, machine, act, token)
            if decision.wake is not None:
                wake = min(wake, decision.wake)
            self._prepare(upgrade)
        return wake

    def _tidy(self, upgrades: list[Upgrade]) -> None:
        active = {upgrade.id for upgrade in upgrades}
        self._busy = {key: busy for key, busy in self._busy.items() if key[0] in active or busy.until is None}
        self._prepared = {key for key in self._prepared if key[0] in active}
        self._hands.keep_only([machine for upgrade in upgrades for machine in upgrade.machines])

    def _prepare(self, upgrade: Upgrade) -> None:
        """Opens the connections while the agents fetch: a handshake costs more than the exchange itself."""
        for machine in upgrade.machines:
            key = (upgrade.id, machine.id)
            if machine.phase in phases.WAITING and machine.address and key not in self._prepared:
                self._prepared.add(key)
                self._pool.submit(self._hands.prepare, machine)

    def _begin(self, upgrade: Upgrade, machine: Machine, act: Act, token: int) -> None:
        log.info("upgrade %d: machine %s: %s", upgrade.id, machine.id, act)
        self._busy[upgrade.id, machine.id] = Busy(act)
        self._pool.submit(self._perform, upgrade, machine, act, token)

    def _perform(self, work: Upgrade, machine: Machine, act: Act, token: int) -> None:
        """Runs in a thread of the pool; whatever happens there is an event for the loop."""
        upgrade, checks = work.id, gate.checks_of(machine, work.options)
        try:
            if time.monotonic() > self._leased_until:
                raise FencedError("its lease ran out before it could begin")
            _reach("acting", act)
            event = _Finished(upgrade, machine.id, self._hands.perform(machine, act, token, checks))
            _reach("acted", act)
        except FencedError as error:
            event = _Finished(upgrade, machine.id, None, str(error))
        except Exception as error:
            log.exception("machine %s: %s failed in an unforeseen way", machine.id, act)
            why = f"{type(error).__name__}: {error}"
            # A failure of this process says nothing of the machine.
            unknown = Opinion(Verdict.CANNOT_TELL, why)
            result = Result(act, False, why, unreachable=act is Act.LOOK, opinion=unknown)
            event = _Finished(upgrade, machine.id, result)
        self._events.put(event)

    def _take_in(self, client: Client, finished: list[_Finished], token: int) -> None:
        """Records how acts ended; those that failed and are tried again keep their machine waiting for a while."""
        now = time.time()
        # Without the lease it is another's to look at what has become of the machines.
        wires = client.call("LabOrchestrator", "ActiveUpgrades")["upgrades"] if token else []
        upgrades = {wire["id"]: model.from_wire(wire) for wire in wires}
        decisions: dict[int, Decision] = {}
        # Taken over only once it is recorded: until then the acts count as under way, so that none is begun again.
        busy = dict(self._busy)
        for event in finished:
            key = (event.upgrade, event.machine)
            busy.pop(key, None)
            upgrade = upgrades.get(event.upgrade)
            if upgrade is None or event.result is None:
                continue
            if not event.result.ok:
                log.info("upgrade %d: machine %s: %s", event.upgrade, event.machine, event.result.reason)
            if not event.result.ok or event.result.act is Act.LOOK:
                busy[key] = Busy(event.result.act, now + self._settings.limits.retry)
            more = rules.after(upgrade, event.machine, event.result, now, self._settings.limits)
            decisions[upgrade.id] = rules.both(decisions.get(upgrade.id, Decision()), more)
        for number, decision in decisions.items():
            self._record(client, token, upgrades[number], decision)
        self._busy = busy

    def _record(self, client: Client, token: int, upgrade: Upgrade, decision: Decision) -> None:
        if not decision.changes and not decision.status:
            return
        rows = []
        for change in decision.changes:
            machine = upgrade.machine(change.machine)
            deadline = _rfc3339(change.deadline) if change.deadline is not None else None
            log.info("upgrade %d: machine %s: %s %s", upgrade.id, change.machine, change.phase, change.reason)
            for tag in machine.tags if machine else ():
                rows.append({"tag": tag, "phase": change.phase, "reason": change.reason, "deadline": deadline})
        params: dict[str, Any] = {"token": token, "upgrade": upgrade.id, "changes": rows}
        if decision.status is not None:
            log.info("upgrade %d: %s %s", upgrade.id, decision.status, decision.reason)
            params |= {"status": decision.status, "reason": decision.reason}
        words = [*dict.fromkeys(change.phase for change in decision.changes), *filter(None, [decision.status])]
        _reach("recording", *words)
        client.call("LabOrchestrator", "Record", params)
        _reach("recorded", *words)


def _reach(step: str, *words: str) -> None:
    for word in words:
        reach(DATA_DIR, f"orchestrator/{step}-{word.replace(' ', '-')}")


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
