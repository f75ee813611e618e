"""The agent's connection to its controller: made, kept alive, and made again for ever."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any

from jujulab_agent.host import Host, text
from jujulab_agent.logs import LOG
from jujulab_core.agentconf import Value
from jujulab_core.errors import ConnectionLost, DeadlineError, JujulabError, RpcError
from jujulab_core.rpc import Client, connect
from jujulab_core.rpc.channel import tls_context

FIRST_RETRY_SECONDS = 0.2
LONGEST_RETRY_SECONDS = 15.0
CONNECT_SECONDS = 10.0
# The controller is behind a socket that queues while it restarts: a login may take a while to be answered.
LOGIN_SECONDS = 60.0
PING_SECONDS = 30.0
PING_ANSWER_SECONDS = 30.0
_MODULE = "juju.api"


def retry_delay(failures: int, chance: float) -> float:
    """Seconds until the next try: doubling up to a limit, spread so that a fleet does not come at once.

    Args:
        failures: Tries that failed in a row, at least 1.
        chance: A random number from 0 to 1.
    """
    longest = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * (1 << min(failures - 1, 16)))
    return longest * (0.5 + chance / 2)


def _nothing() -> None:
    """Stands in until somebody wants to know."""


class Session:
    """Keeps one logged-in connection; workers ask for it and start over when it breaks.

    Attributes:
        on_first_login: Called once, after the first login and introduction.
    """

    def __init__(
        self,
        host: Host,
        conf: dict[str, Value],
        introduce: Callable[[Client], None],
        catch_up: Callable[[Client], None],
    ) -> None:
        """Prepares a session.

        Args:
            host: Whose it is.
            conf: The agent's configuration.
            introduce: Tells the controller all about this agent; called after every login.
            catch_up: Tells it what has changed meanwhile; called once the workers have the connection.
        """
        self.on_first_login: Callable[[], None] = _nothing
        # Public: binaries are downloaded from whom the same CA vouches for.
        self.context = tls_context(text(conf, "cacert"))
        self._host = host
        self._conf = conf
        self._introduce = introduce
        self._catch_up = catch_up
        self._ready = threading.Condition()
        self._client: Client | None = None
        # Set when there is something to do: lines to forward, or a connection that ended.
        self._wake = threading.Event()
        LOG.on_line = self._wake.set
        self._introduced = False
        self._leaving = False

    def client(self) -> Client:
        """The logged-in connection; waits until there is one."""
        with self._ready:
            while self._client is None or not self._client.is_open:
                self._ready.wait()
            return self._client

    def try_call(self, facade: str, method: str, params: dict[str, Any]) -> bool:
        """Calls a method if there is a connection; what is only news may be lost, the next login tells it anew."""
        client = self._client
        try:
            if client is None:
                return False
            client.call(facade, method, params)
        except JujulabError as error:
            LOG.debug(_MODULE, f"{facade}.{method}: {error}")
            return False
        return True

    def hang_up(self) -> None:
        """Closes the connection, for good."""
        self._leaving = True
        if self._client is not None:
            self._client.close()

    def run(self) -> None:
        """Connects, for ever."""
        failures, told = 0, ""
        pause = threading.Event()
        while True:
            try:
                self._live_once()
                failures, told = 0, ""
                why = "connection to the controller lost"
            except JujulabError as error:
                failures, why = failures + 1, f"cannot log in to the controller: {error}"
            if why != told and not self._leaving:
                LOG.error(_MODULE, f"{why}; trying again")
                told = why
            pause.wait(retry_delay(max(failures, 1), random.random()))  # noqa: S311 - only spreads the fleet

    def _live_once(self) -> None:
        addresses = self._conf["apiaddresses"]
        model = text(self._conf, "model").removeprefix("model-")
        client = connect(list(addresses), self.context, model=model, timeout=CONNECT_SECONDS)
        try:
            login = client.log_in(
                self._host.tag,
                text(self._conf, "apipassword"),
                nonce=text(self._conf, "nonce"),
                timeout=LOGIN_SECONDS,
            )
            LOG.info(_MODULE, f"logged in to {client.address}, a controller of version {login.server_version}")
            self._introduce(client)
            with self._ready:
                self._client = client
                self._ready.notify_all()
            self._catch_up(client)
            if not self._introduced:
                self._introduced = True
                self.on_first_login()
            self._tend(client)
        finally:
            client.close()

    def _tend(self, client: Client) -> None:
        """Forwards the log and keeps asking whether the controller is still there, until it is not."""
        client.when_closed(self._wake.set)
        next_ping = time.monotonic() + PING_SECONDS
        while client.is_open:
            self._wake.wait(max(0.0, next_ping - time.monotonic()))
            self._wake.clear()
            try:
                self._forward(client)
                if time.monotonic() >= next_ping:
                    next_ping = time.monotonic() + PING_SECONDS
                    client.call("Pinger", "Ping", timeout=PING_ANSWER_SECONDS)
            except ConnectionLost:
                return
            except DeadlineError as error:
                LOG.warning(_MODULE, f"dropping the connection: {error}")
                return
            except RpcError as error:
                LOG.debug(_MODULE, str(error))

    def _forward(self, client: Client) -> None:
        while batch := LOG.take_batch():
            try:
                client.call("LabAgent", "Log", {"entries": batch}, timeout=PING_ANSWER_SECONDS)
            except (ConnectionLost, DeadlineError):
                LOG.put_back(batch)
                raise
