"""Watches a running lab and writes what changes into its history."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from docker.models.containers import Container

from jujulab.history import sight
from jujulab.history.recorder import Recorder
from jujulab.history.views import digest
from jujulab.lab import controllers, names, secrets
from jujulab.lab.engine import Engine, in_parallel
from jujulab.lab.ready import admin_client
from jujulab.store import Store
from jujulab_core.errors import ConnectionLost, JujulabError
from jujulab_core.rpc import Client
from jujulab_core.waiting import Deadline

Json = dict[str, Any]
FINAL = ("complete", "failed", "aborted")
_CONNECT_SECONDS = 10.0


class Observer:
    """Looks at a lab again and again, from a thread for the controller and one for the machines.

    A context manager: it looks while the block runs. Nothing that it meets ends it: what cannot be seen is not in the
    history, and the checker says what it could not check.
    """

    def __init__(self, engine: Engine, store: Store, lab: str, recorder: Recorder) -> None:
        """Prepares; looks at nothing yet.

        Args:
            engine: Where the lab is.
            store: The client store with the lab's secrets.
            lab: The lab's name.
            recorder: Where to write.
        """
        self._engine = engine
        self._lab = lab
        self._recorder = recorder
        self._secrets = secrets.load(store.lab_dir(lab), lab)
        self._own = self._secrets.controller_model_uuid
        self._clients: dict[str | None, Client] = {}
        self._last: dict[tuple[str, str], Any] = {}
        self._lines = 0
        self._seq = 0
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._controller_seconds = 1.0
        self._machine_seconds = 5.0

    def every(self, controller: float, machines: float) -> Observer:
        """Sets how many seconds lie between two looks at the controller, and at the machines."""
        self._controller_seconds, self._machine_seconds = controller, machines
        return self

    def __enter__(self) -> Observer:
        self.published()
        for look, seconds in (
            (self.look_at_controller, self._controller_seconds),
            (self.look_at_machines, self._machine_seconds),
        ):
            thread = threading.Thread(target=self._repeat, args=(look, seconds), name=look.__name__, daemon=True)
            self._threads.append(thread)
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self.close()

    def close(self) -> None:
        """Ends the connections."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def _repeat(self, look: Callable[[], None], seconds: float) -> None:
        while not self._ended.is_set():
            with suppress(JujulabError, OSError):
                look()
            self._ended.wait(seconds)

    # What there is to see.

    def published(self) -> None:
        """Looks at what the internet offers; what somebody publishes later needs another look."""
        if offered := sight.published(self._engine, self._lab):
            self._note("published", "", offered)

    def look_at_controller(self) -> None:
        """Looks at versions, upgrades and their agents.

        Raises:
            ConnectionLost: The controller does not answer.
            RpcError: It will not.
        """
        with self._lock:
            client = self._client(None)
            # Before the agents: the controller that they are held against is never newer than what they were seen at.
            if client.login is not None:
                self._note("controller", "", {"version": client.login.server_version})
            listed = sight.records(client)
            self._note("records", "", listed)
            for entry in listed:
                if entry["status"] not in FINAL or self._last.get(("status", str(entry["id"]))) != entry["status"]:
                    self._note("upgrade", str(entry["id"]), sight.upgrade(client, entry["id"]))
                    self._last["status", str(entry["id"])] = entry["status"]
            for change in sight.changes(client, self._seq):
                self._seq = max(self._seq, change["seq"])
                self._recorder.observe("upgrade-event", change)
            for known in sight.models(client, self._own):
                self._note("model", known["uuid"], sight.model(self._client(known["uuid"]), known))

    def look_at_machines(self) -> None:
        """Looks at every machine and at what the internet has served."""
        in_parallel(self._look_at_machine, self._machines())
        served, self._lines = sight.fetches(self._engine, self._lab, self._lines)
        for entry in served:
            self._recorder.observe("fetch", entry)

    def _look_at_machine(self, container: Container) -> None:
        found = sight.machine(self._engine, container, self._own)
        if found is not None:
            self._note("machine", found["instance"], found)

    def settled(self) -> None:
        """Looks at all of a lab in which nothing is under way any more, in depth, and writes it as one event.

        Raises:
            ConnectionLost: The controller does not answer.
            RpcError: It will not.
        """
        self.published()
        self.look_at_machines()
        with self._lock:
            client = self._client(None)
            listed = sight.records(client)
            value = {
                "controller": client.login.server_version if client.login else "",
                "records": listed,
                "upgrades": [sight.upgrade(client, entry["id"]) for entry in listed],
                "changes": {str(change["seq"]): digest(change) for change in sight.changes(client, 0)},
                "models": [
                    sight.model(self._client(known["uuid"]), known) for known in sight.models(client, self._own)
                ],
            }
        deep = in_parallel(lambda found: sight.machine(self._engine, found, self._own, deep=True), self._machines())
        value["machines"] = [found for found in deep if found is not None]
        self._recorder.observe("settled", value)

    # How.

    def _machines(self) -> list[Container]:
        found = self._engine.containers(self._lab)
        wanted = (names.CONTROLLER, names.MACHINE)
        return [one for one in found if one.labels[names.LABEL_ROLE] in wanted and one.status == "running"]

    def _note(self, function: str, name: str, value: Any) -> None:
        """Writes what differs from what was seen last under that name."""
        if self._last.get((function, name)) != value:
            self._last[function, name] = value
            self._recorder.observe(function, value)

    def _client(self, model: str | None) -> Client:
        known = self._clients.get(model)
        if known is not None and known.is_open:
            return known
        running = [found for found in controllers.of_lab(self._engine, self._lab) if found.status == "running"]
        if not running:
            raise ConnectionLost("the controller's container does not run")
        client = admin_client(controllers.endpoint(running[0]), self._secrets, model, Deadline(_CONNECT_SECONDS))
        self._clients[model] = client
        return client
