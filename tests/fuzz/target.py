"""A controller under fire: sends frames in some role, and holds the answers to what a client may rely on."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jujulab_controller.rpc.registry import Where, Who
from jujulab_core.errors import ConnectionLost
from jujulab_core.rpc.channel import Channel, dial, tls_context
from jujulab_core.version import Number
from tests.fuzz.frames import NAMES, World, exchanges
from tests.support.controller_process import (
    ADMIN_PASSWORD,
    ORCHESTRATOR_PASSWORD,
    Controller,
    Machine,
    add_model,
)

# Versions of the controller, one of each kind that there is.
ERAS = ("2.6.4", "2.9.37", "3.6.9")
_ROLES = {
    "anonymous": Who.ANY,
    "reader": Who.USER,
    "superuser": Who.USER,
    "machine": Who.MACHINE,
    "orchestrator": Who.ORCHESTRATOR,
}
_KINDS = {"controller": Where.CONTROLLER, "model": Where.MODEL}
# The number of the last request; real ones are smaller.
_LAST = 2**40
_ANSWER_SECONDS = 30.0


class CrashError(AssertionError):
    """The controller did something that it must not do, whatever it is sent."""


class Target:
    """A running controller with something in it.

    Attributes:
        sent: How many frames and requests were sent.
        answers: How many answers of each kind came.
        world: What there is in it.
    """

    def __init__(self, controller: Controller) -> None:
        self.controller = controller
        self.sent = 0
        self.answers: Counter[str] = Counter()
        self._context = tls_context(controller.ca)
        self._sockets: dict[tuple[str, str], Channel] = {}
        with controller.admin() as admin:
            for name, access in (("fuzz", "superuser"), ("reader", "login")):
                admin.call("UserManager", "AddUser", {"users": [{"username": name, "password": f"{name}-password"}]})
                change = {"user-tag": f"user-{name}", "action": "grant", "access": access}
                admin.call("Controller", "ModifyControllerAccess", {"changes": [change]})
            self.model = add_model(admin, "default")
            change = {
                "user-tag": "user-reader",
                "action": "grant",
                "access": "read",
                "model-tag": f"model-{self.model}",
            }
            admin.call("ModelManager", "ModifyModelAccess", {"changes": [change]})
        with controller.admin(self.model) as client:
            client.call("MachineManager", "AddMachines", {"params": [{"series": "bionic"}] * 2})
            deploy = {"application": "ubuntu", "charm-url": "ubuntu", "num-units": 1}
            client.call("Application", "Deploy", {"applications": [deploy]})
        machine = Machine(controller, self.model, "0")
        machine.client.close()
        self._seed = machine.seed["agent-conf"]
        names = {
            "$model": f"model-{self.model}",
            "$uuid": self.model,
            "$machine": "machine-0",
            "$unit": "unit-ubuntu-0",
            "$me": "user-fuzz",
            "$version": controller.version,
            "$binary": f"{controller.version}-bionic-amd64",
            "$password": "fuzz-password",
        }
        self.world = World(
            names, (*names.values(), *NAMES, controller.uuid, controller.model), Number.parse(controller.version)
        )

    def close(self) -> None:
        """Ends the connections."""
        for socket in self._sockets.values():
            socket.release()
        self._sockets.clear()

    def fire_all(self, examples: settings) -> None:
        """Sends frames by many examples; raises as :meth:`fire` does."""

        @examples
        @given(st.data())
        def fire(data: st.DataObject) -> None:
            self.fire(data)

        fire()

    def fire(self, data: st.DataObject) -> None:
        """Sends some frames in some role, and looks at what comes back.

        Raises:
            CrashError: It is not what it may be.
        """
        role, kind = data.draw(st.sampled_from(sorted(_ROLES))), data.draw(st.sampled_from(sorted(_KINDS)))
        if role in ("machine", "orchestrator"):
            kind = {"machine": "model", "orchestrator": "controller"}[role]
        frames = data.draw(exchanges(self.world, _ROLES[role], _KINDS[kind]))
        try:
            socket = self._socket(role, kind)
        except (ConnectionLost, CrashError):
            # An earlier frame may have taken away the right to log in.
            role, socket = "anonymous", self._socket("anonymous", kind)
        try:
            self.exchange(socket, frames)
        except ConnectionLost:
            self.answers["closed"] += 1
            if (gone := self._sockets.pop((role, kind), None)) is not None:
                gone.release()
        self.check()

    def exchange(self, socket: Channel, frames: list[str]) -> None:
        """Sends frames and reads until the last is answered.

        Raises:
            ConnectionLost: The controller ended the connection.
            CrashError: An answer is not what it may be.
        """
        for frame in frames:
            self.sent += 1
            socket.send(frame)
        socket.send(json.dumps({"request-id": _LAST, "type": "Pinger", "version": 1, "request": "Ping"}))
        while True:
            answer = json.loads(self._receive(socket))
            self.answers[_judge(answer, frames)] += 1
            if answer["request-id"] == _LAST:
                return

    def http(self, method: str, path: str, headers: dict[str, str], body: bytes) -> int:
        """Sends an HTTP request; returns the status, 0 when the connection was closed instead.

        Raises:
            CrashError: The status is a server's error, or the error is not of Juju's shape.
        """
        self.sent += 1
        connection = http.client.HTTPConnection("controller", timeout=_ANSWER_SECONDS)
        connection.sock = dial(f"127.0.0.1:{self.controller.port}", self._context, 20)
        with contextlib.closing(connection):
            try:
                connection.request(method, path, body, headers)
                answer = connection.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException, ValueError):
                return 0
        self.answers[f"http {answer.status}"] += 1
        if answer.status >= 500:
            raise CrashError(f"{method} {path} {headers} {body!r}: {answer.status} {content!r}")
        if content and answer.status >= 400 and answer.getheader("Content-Type", "").startswith("application/json"):
            said = json.loads(content)
            if not isinstance(said.get("error", said), dict) or "message" not in said.get("error", said):
                raise CrashError(f"{method} {path}: not an error of Juju's shape: {content!r}")
        return answer.status

    def raw(self, data: bytes) -> bytes:
        """Sends bytes behind the TLS handshake; returns the beginning of what comes back."""
        self.sent += 1
        with contextlib.closing(dial(f"127.0.0.1:{self.controller.port}", self._context, 20)) as socket:
            # Half a request gets no answer.
            socket.settimeout(1)
            try:
                socket.sendall(data)
                socket.sendall(b"\r\n\r\n")
                return socket.recv(4096)
            except OSError:
                return b""

    def check(self) -> None:
        """Sees whether the controller still runs, and whether its log tells of a mistake in its code.

        Raises:
            CrashError: It does not, or it does.
        """
        log = self.controller.log()
        if "Traceback" in log or not self.controller.is_running:
            raise CrashError(log[log.find("Traceback") - 500 :][:5000])

    @property
    def basic(self) -> str:
        """The header of a superuser's requests."""
        return "Basic " + base64.b64encode(f"user-admin:{ADMIN_PASSWORD}".encode()).decode()

    def _socket(self, role: str, kind: str) -> Channel:
        if (role, kind) not in self._sockets:
            path = f"/model/{self.model}/api" if kind == "model" else "/api"
            socket = Channel(f"127.0.0.1:{self.controller.port}", path, self._context, _ANSWER_SECONDS)
            self._sockets[role, kind] = socket
            if role != "anonymous":
                self._log_in(socket, role)
        return self._sockets[role, kind]

    def _log_in(self, socket: Channel, role: str) -> None:
        params = {
            "superuser": {"auth-tag": "user-fuzz", "credentials": "fuzz-password"},
            "reader": {"auth-tag": "user-reader", "credentials": "reader-password"},
            "machine": {
                "auth-tag": "machine-0",
                "credentials": self._seed["apipassword"],
                "nonce": self._seed["nonce"],
            },
            "orchestrator": {"auth-tag": "orchestrator-0", "credentials": ORCHESTRATOR_PASSWORD},
        }[role]
        login = {"request-id": 1, "type": "Admin", "version": 3, "request": "Login", "params": params}
        with contextlib.suppress(ConnectionLost):
            socket.send(json.dumps(login))
            self._receive(socket)

    @staticmethod
    def _receive(socket: Channel) -> str:
        late = threading.Event()

        def give_up() -> None:
            late.set()
            socket.close()

        timer = threading.Timer(_ANSWER_SECONDS, give_up)
        timer.start()
        text = socket.receive()
        timer.cancel()
        if late.is_set():
            raise CrashError(f"no answer within {_ANSWER_SECONDS} s")
        if text is None:
            raise ConnectionLost("closed by the controller")
        return text


def _judge(answer: Any, frames: list[str]) -> str:
    """What kind of answer this is."""
    if not isinstance(answer, dict) or not isinstance(answer.get("request-id"), int):
        raise CrashError(f"{answer} for {frames}: not an answer")
    if not isinstance(answer.get("response"), dict):
        raise CrashError(f"{answer} for {frames}: no response")
    if "error" not in answer:
        return "good"
    if not isinstance(answer["error"], str) or not answer["error"] or "internal error" in answer["error"]:
        raise CrashError(f"{answer} for {frames}")
    return str(answer.get("error-code") or "error without a code")


def fresh(directory: Path, version: str) -> Controller:
    """A controller of its own."""
    return Controller(directory, version=version).start()
