"""What users do meanwhile: one asks for upgrades and downgrades, another writes and reads a setting."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager, suppress
from typing import Any

from jujulab.history.event import Kind
from jujulab.history.recorder import Recorder, outcome_of
from jujulab.lab.ready import admin_client
from jujulab.lab.secrets import Secrets
from jujulab_core.errors import JujulabError, RpcError
from jujulab_core.rpc import Client
from jujulab_core.waiting import Deadline, wait_for
from tests.chaos import schedule

OVER = ("complete", "failed", "aborted")
COUNTER = "chaos-counter"
_CALL_SECONDS = 20.0


class User:
    """Somebody with connections of their own, which are made anew when they break."""

    def __init__(self, endpoint: str, secrets: Secrets, recorder: Recorder) -> None:
        """Takes where the controller is, who the admin is, and where to write what is done."""
        self.endpoint = endpoint
        self.secrets = secrets
        self._clients: dict[str | None, Client] = {}
        self.recorder = recorder

    def client(self, model: str | None = None) -> Client:
        """A connection to a model (by UUID) or to the controller.

        Raises:
            DeadlineError: The controller does not answer.
        """
        known = self._clients.get(model)
        if known is None or not known.is_open:
            if known is not None:
                known.close()
            known = admin_client(self.endpoint, self.secrets, model, Deadline(_CALL_SECONDS))
            self._clients[model] = known
        return known

    def call(self, model: str | None, facade: str, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Asks the controller something.

        Raises:
            JujulabError: It did not answer, or refused.
        """
        return self.client(model).call(facade, method, params, timeout=_CALL_SECONDS)

    def close(self) -> None:
        """Ends the connections."""
        for client in self._clients.values():
            client.close()

    @contextmanager
    def operation(self, function: str, value: Any) -> Any:
        """Records what is done; an answer that is put into the list that it gives is recorded with the end."""
        self.recorder.add(Kind.INVOKE, function, value)
        answer: list[Any] = []
        try:
            yield answer
        except JujulabError as error:
            self.recorder.add(outcome_of(error), function, {"error": str(error)})
            raise
        self.recorder.add(Kind.OK, function, answer[0] if answer else None)


class Writer(User):
    """Counts in a setting of a model, and reads it back."""

    def run(self, model: str, ended: threading.Event) -> None:
        """Goes on until ended."""
        number = 0
        while not ended.wait(1.0):
            number += 1
            key = {"key": COUNTER}
            with suppress(JujulabError), self.operation("write", {**key, "value": number}):
                self.call(model, "ModelConfig", "ModelSet", {"config": {COUNTER: str(number)}})
            with suppress(JujulabError):
                # The connection first: a read begins when it is asked, not when somebody can be asked.
                self.client(model)
                with self.operation("read", key) as answer:
                    config = self.call(model, "ModelConfig", "ModelGet", {})["config"]
                    answer.append({**key, "value": int((config.get(COUNTER) or {}).get("value") or 0)})


class Operator(User):
    """Asks for one upgrade after the other."""

    def __init__(self, endpoint: str, secrets: Secrets, recorder: Recorder, model: str) -> None:
        """As of :class:`User`, with the model to upgrade."""
        super().__init__(endpoint, secrets, recorder)
        self._model = model
        self.own = secrets.controller_model_uuid
        self._step = 0
        self.counts: Counter[str] = Counter()

    def run(self, seed: int, ended: threading.Event, report: Callable[[str], None]) -> None:
        """Goes on until ended; what is refused or lost is tried no second time."""
        number = 0
        while not ended.is_set():
            wanted = schedule.request(seed, number)
            number += 1
            with suppress(JujulabError):
                self._go(wanted, ended, report)
            ended.wait(0.5)

    def _go(self, wanted: schedule.Request, ended: threading.Event, report: Callable[[str], None]) -> None:
        is_controller = wanted.controller and self._step + 1 < len(schedule.CONTROLLERS)
        model = self.own if is_controller else self._model
        to = schedule.CONTROLLERS[self._step + 1] if is_controller else wanted.to
        if self.version(model) == to:
            # Nothing would be recorded of a request for what there is.
            return
        report(f"{'controller' if is_controller else 'model'} to {to} {wanted.rollout or ''}")
        try:
            self.ask(model, to, {} if is_controller else wanted.rollout, force=wanted.force)
        except RpcError:
            self.counts["refused"] += 1
            raise
        finally:
            if is_controller:
                self._step = self._controller_step()
        self.wait(model, Deadline(300.0 if is_controller else wanted.patience), ended)

    def _controller_step(self) -> int:
        """How far the controller's model has been taken; what is not known now is known next time."""
        with suppress(JujulabError, ValueError):
            return schedule.CONTROLLERS.index(self.version(self.own))
        return self._step

    def version(self, model: str) -> str:
        """The version that a model was last asked to have.

        Raises:
            JujulabError: The controller did not answer.
        """
        return str(self.call(model, "ModelConfig", "ModelGet", {})["config"]["agent-version"]["value"])

    def ask(self, model: str, to: str, rollout: dict[str, Any], *, force: bool) -> None:
        """Asks for an upgrade or downgrade, as a client would that lets downgrades pass.

        Raises:
            JujulabError: It was refused, or nobody knows.
        """
        with suppress(RpcError):
            self.call(None, "LabUpgrades", "LiftQuarantine", {"model-tag": f"model-{model}", "version": to})
        params: dict[str, Any] = {"version": to, "force": force, "agent-stream": "", "ignore-missing-binaries": force}
        params |= {"rollout": rollout} if rollout else {}
        client = self.client(model)
        with self.operation("request-upgrade", {"model-uuid": model, "to": to}):
            client.call("Client", "SetModelAgentVersion", params, timeout=_CALL_SECONDS)
        self.counts["accepted"] += 1

    def wait(self, model: str, deadline: Deadline, ended: threading.Event) -> dict[str, Any] | None:
        """Waits until the newest upgrade of a model is over; gives it, or None if the time is up.

        Raises:
            DeadlineError: It is not over by then.
        """

        def probe() -> tuple[list[dict[str, Any] | None] | None, str]:
            if ended.is_set():
                return [None], ""
            try:
                newest = self.newest(model)
                if newest is None or newest["status"] in OVER:
                    return [newest], ""
                if newest["status"] == "paused":
                    self._decide(newest)
            except JujulabError as error:
                return None, f"the upgrade to end: {error}"
            return None, f"upgrade {newest['id']} to {newest['to']} to end: it is {newest['status']}"

        return wait_for(probe, deadline, 0.5)[0]

    def newest(self, model: str) -> dict[str, Any] | None:
        """The newest upgrade of a model.

        Raises:
            JujulabError: The controller did not answer.
        """
        found = self.call(None, "LabUpgrades", "List", {"model-tag": f"model-{model}"})["upgrades"]
        newest: dict[str, Any] | None = max(found, key=lambda one: int(one["id"]), default=None)
        return newest

    def _decide(self, upgrade: dict[str, Any]) -> None:
        """A person's decision about an upgrade that could not tell: go on with what there is."""
        machines = {
            str(machine["id"]) for machine in self.call(None, "LabUpgrades", "Get", {"id": upgrade["id"]})["machines"]
        }
        params = {"id": upgrade["id"], "action": "resume", "machines": sorted(machines)}
        with self.operation("resume-upgrade", {"arguments": {"upgrade_id": upgrade["id"]}}):
            self.call(None, "LabUpgrades", "Control", params)
