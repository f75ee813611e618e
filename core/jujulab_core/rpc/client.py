"""A connection to a Juju controller: log in, call methods, wait on watchers.

One thread reads; any thread may call. Frames are Juju's:
``{"request-id": 7, "type": "Client", "version": 8, "request": "FullStatus", "params": {}}``.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from jujulab_core.errors import ConnectionLost, DeadlineError, RpcError
from jujulab_core.layout import OURS
from jujulab_core.rpc.channel import Channel, tls_context

DEFAULT_TIMEOUT = 60.0


class Login(NamedTuple):
    """What the controller said at login.

    Attributes:
        server_version: The controller's agent version.
        facades: Best version offered of each facade.
        raw: The whole answer.
    """

    server_version: str
    facades: dict[str, int]
    raw: dict[str, Any]


class Reply:
    """An answer that is under way."""

    def __init__(self, what: str, on_done: Callable[[Reply], None] | None, on_late: Callable[[], None]) -> None:
        self._what = what
        self._on_late = on_late
        self._done = threading.Event()
        self._on_done = on_done
        self._response: dict[str, Any] = {}
        self._error: Exception | None = None

    def result(self, timeout: float | None = DEFAULT_TIMEOUT) -> dict[str, Any]:
        """Waits for the answer.

        Args:
            timeout: Seconds; None to wait for as long as the connection lives.

        Raises:
            RpcError: The controller answered with an error.
            ConnectionLost: The connection ended first.
            DeadlineError: No answer in time.
        """
        if not self._done.wait(timeout):
            self._on_late()
            raise DeadlineError(f"no answer from the controller to {self._what} within {timeout:g} s")
        if self._error is not None:
            raise self._error
        return self._response

    def _finish(self, response: dict[str, Any] | None, error: Exception | None) -> None:
        self._response, self._error = response or {}, error
        self._done.set()
        if self._on_done is not None:
            self._on_done(self)


class Client:
    """A logged-in (or not yet logged-in) connection. Use as a context manager, or call :meth:`close`."""

    def __init__(self, channel: Channel, address: str) -> None:
        self.address = address
        self.login: Login | None = None
        self._channel = channel
        self._lock = threading.Lock()
        self._pending: dict[int, Reply] = {}
        self._last_id = 0
        self._closed = False
        self._when_closed: list[Callable[[], None]] = []
        self._reader = threading.Thread(target=self._read, name=f"rpc {address}", daemon=True)
        self._reader.start()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_open(self) -> bool:
        """Whether the connection still stands, as far as this side knows."""
        return not self._closed

    @property
    def local_address(self) -> str:
        """The IP address of this side of the connection."""
        return self._channel.local_address

    def when_closed(self, notify: Callable[[], None]) -> None:
        """Has a function called when the connection has ended, from whatever cause; at once if it has already.

        It is called in the reading thread and must not wait.
        """
        with self._lock:
            if not self._closed:
                self._when_closed.append(notify)
                return
        notify()

    def call(
        self,
        facade: str,
        method: str,
        params: dict[str, Any] | None = None,
        *,
        version: int | None = None,
        id: str | None = None,  # noqa: A002 - the frame's own word
        timeout: float | None = DEFAULT_TIMEOUT,
    ) -> dict[str, Any]:
        """Calls a method and waits for its answer; see :meth:`submit` and :meth:`Reply.result`."""
        return self.submit(facade, method, params, version=version, id=id).result(timeout)

    def submit(
        self,
        facade: str,
        method: str,
        params: dict[str, Any] | None = None,
        *,
        version: int | None = None,
        id: str | None = None,  # noqa: A002 - the frame's own word
        on_done: Callable[[Reply], None] | None = None,
    ) -> Reply:
        """Sends a request.

        Args:
            facade: Such as ``Client``.
            method: Such as ``FullStatus``.
            params: The method's parameters.
            version: The facade's version; by default the best that the controller offered.
            id: The watcher's id, for watcher facades.
            on_done: Called in the reading thread when the answer is there.

        Raises:
            ConnectionLost: The connection has ended.
            RpcError: The controller does not offer this facade.
        """
        if version is None:
            offered = self.login.facades if self.login else {}
            if facade not in offered:
                raise RpcError(f'unknown facade type "{facade}"', "not implemented")
            version = offered[facade]
        with self._lock:
            if self._closed:
                raise ConnectionLost(f"the connection to {self.address} has ended")
            self._last_id += 1
            request_id = self._last_id
            reply = Reply(f"{facade}.{method}", on_done, lambda: self._forget(request_id))
            self._pending[request_id] = reply
        frame: dict[str, Any] = {"request-id": request_id, "type": facade, "version": version}
        if id is not None:
            frame["id"] = id
        frame |= {"request": method, "params": params or {}}
        self._channel.send(json.dumps(frame))
        return reply

    def log_in(self, tag: str, password: str, *, nonce: str = "", timeout: float = DEFAULT_TIMEOUT) -> Login:
        """Logs in.

        Raises:
            RpcError: Refused; the code says why.
            ConnectionLost: The connection ended first.
            DeadlineError: No answer in time.
        """
        params = {"auth-tag": tag, "credentials": password, "nonce": nonce, "user-data": OURS}
        answer = self.call("Admin", "Login", params, version=3, timeout=timeout)
        facades = {facade["name"]: max(facade["versions"]) for facade in answer.get("facades") or ()}
        self.login = Login(answer.get("server-version", ""), facades, answer)
        return self.login

    def close(self) -> None:
        """Ends the connection and waits for the reading thread. Safe to call twice."""
        self._channel.close()
        if threading.current_thread() is not self._reader:
            self._reader.join(10)

    def _forget(self, request_id: int) -> None:
        with self._lock:
            self._pending.pop(request_id, None)

    def _read(self) -> None:
        why = "ended"
        try:
            while (text := self._channel.receive()) is not None:
                self._dispatch(json.loads(text))
        except (ValueError, TypeError, AttributeError) as error:
            # Not a frame of Juju's: whatever talks there, it is no use to wait for its answers.
            why = f"was dropped, because what came over it is not Juju's protocol: {error}"
        with self._lock:
            self._closed = True
            orphans = list(self._pending.values())
            self._pending.clear()
            notify = self._when_closed
        self._channel.release()
        for reply in orphans:
            reply._finish(None, ConnectionLost(f"the connection to {self.address} {why}"))
        for function in notify:
            function()

    def _dispatch(self, frame: dict[str, Any]) -> None:
        with self._lock:
            reply = self._pending.pop(frame.get("request-id", 0), None)
        if reply is None:
            return
        error = None
        if "error" in frame:
            error = RpcError(frame["error"], frame.get("error-code") or "", frame.get("error-info"))
        reply._finish(frame.get("response"), error)


def connect(
    addresses: list[str],
    trust: str | ssl.SSLContext,
    *,
    model: str | None = None,
    timeout: float = 10.0,
) -> Client:
    """Connects to the first address that answers; does not log in.

    Args:
        addresses: ``host:port`` of the controller, in order of preference.
        trust: The CA to trust, in PEM; or a context made from it before, which saves reading it again.
        model: A model's UUID for a model connection; None for a controller connection.
        timeout: Seconds for each step of each try.

    Raises:
        JujulabError: The CA cannot be read.
        ConnectionLost: None answered; the message is that of the last.
    """
    context = tls_context(trust) if isinstance(trust, str) else trust
    path = f"/model/{model}/api" if model else "/api"
    error: ConnectionLost | None = None
    for address in addresses:
        try:
            return Client(Channel(address, path, context, timeout), address)
        except ConnectionLost as lost:
            error = lost
    raise error or ConnectionLost("no address of the controller is known")
