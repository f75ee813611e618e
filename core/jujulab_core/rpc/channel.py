"""A websocket over TLS with blocking calls, as small as an agent needs it.

The protocol itself is the ``websockets`` library's, without its I/O layers: importing those would take half
of an agent's start-up budget.
"""

from __future__ import annotations

import contextlib
import logging
import random
import select
import socket
import ssl
import threading
from collections import deque
from collections.abc import Mapping
from types import MappingProxyType

from websockets.client import ClientProtocol
from websockets.exceptions import WebSocketException
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import CLOSED, CLOSING, CONNECTING, OPEN
from websockets.uri import parse_uri

from jujulab_core.errors import ConnectionLost, JujulabError
from jujulab_core.layout import API_SERVER_NAME

# Large models answer with several MiB; the limit only guards against a mad peer.
MAX_MESSAGE_BYTES = 64 * 1024 * 1024
_RECEIVE_BYTES = 64 * 1024


def tls_context(ca_cert: str) -> ssl.SSLContext:
    """A client context that trusts this CA and nothing else.

    Args:
        ca_cert: The CA's certificate, in PEM.

    Raises:
        JujulabError: That is no certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=ca_cert)
    except (ssl.SSLError, ValueError) as error:
        raise JujulabError(f"cannot read the CA certificate: {error}") from error
    return context


def dial(address: str, context: ssl.SSLContext, timeout: float) -> ssl.SSLSocket:
    """Opens a verified TLS connection to ``host:port``.

    Raises:
        ConnectionLost: Nothing answers there, or what answers is not the lab's controller.
    """
    host, _, port = address.rpartition(":")
    try:
        raw = _reach(host.strip("[]"), int(port), timeout)
    except OSError as error:
        raise ConnectionLost(f"cannot connect to {address}: {error.strerror or error}") from error
    try:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A peer that vanished without a word is noticed after a minute and a half.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
            if hasattr(socket, option):
                raw.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
        # Juju's fixed name: a controller is known by its CA, not by its address.
        return context.wrap_socket(raw, server_hostname=API_SERVER_NAME)
    except (OSError, ValueError) as error:
        raw.close()
        raise ConnectionLost(f"cannot make a secure connection to {address}: {error}") from error


def _reach(host: str, port: int, timeout: float) -> socket.socket:
    """Connects to any of a name's addresses.

    Several controllers have one name, and the kernel takes connections for one that stands still. By lot, whoever tries
    again comes to another.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    random.shuffle(found)
    *others, last = [(str(address[0]), port) for *_, address in found]
    for address in others:
        with contextlib.suppress(OSError):
            return socket.create_connection(address, timeout)
    return socket.create_connection(last, timeout)


class Channel:
    """One websocket: :meth:`send` from any thread, :meth:`receive` from one thread."""

    def __init__(
        self,
        address: str,
        path: str,
        context: ssl.SSLContext,
        timeout: float,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Connects and shakes hands.

        Args:
            address: ``host:port``.
            path: ``/api`` or ``/model/UUID/api``.
            context: What to trust; see :func:`tls_context`.
            timeout: Seconds for each step of the connection and its handshake.
            headers: More headers of the request, such as ``Authorization``.

        Raises:
            ConnectionLost: Nobody answers, or not with a websocket.
        """
        # An SSL object is not safe for a read and a write at once: both happen under the lock, without
        # blocking; only the wait for the socket to become ready is outside.
        self._lock = threading.Lock()
        self._fragments: list[bytes] = []
        self._messages: deque[str] = deque()
        self._ended = False
        self._socket = dial(address, context, timeout)
        self.local_address: str = self._socket.getsockname()[0]
        self._socket.setblocking(False)
        self._timeout = timeout
        silent = logging.getLogger("jujulab.websocket")
        silent.setLevel(logging.CRITICAL)
        self._protocol = ClientProtocol(parse_uri(f"wss://{address}{path}"), max_size=MAX_MESSAGE_BYTES, logger=silent)
        try:
            with self._lock:
                request = self._protocol.connect()
                request.headers.update(headers)
                self._protocol.send_request(request)
                self._flush()
            # A refusal leaves the protocol connecting, until the peer hangs up; there is no need to wait for that.
            while self._protocol.state is CONNECTING and self._protocol.handshake_exc is None and not self._ended:
                self._pump(timeout)
        except (OSError, WebSocketException) as error:
            self._socket.close()
            raise ConnectionLost(f"cannot open {address}{path}: {error}") from error
        # Whoever had little to say may have said goodbye already: that is no refusal.
        if self._protocol.state is CONNECTING or self._protocol.handshake_exc is not None:
            self._socket.close()
            raise ConnectionLost(f"{address}{path} refused: {self._protocol.handshake_exc or 'closed'}")

    def send(self, text: str) -> None:
        """Sends one text message.

        Raises:
            ConnectionLost: The connection is gone.
        """
        try:
            with self._lock:
                self._protocol.send_text(text.encode())
                self._flush()
        except (OSError, WebSocketException) as error:
            raise ConnectionLost(f"the connection to the controller broke: {error}") from error

    def receive(self, timeout: float | None = None) -> str | None:
        """The next text message, or None when the connection has ended.

        Args:
            timeout: Seconds of silence that end it; None for any silence.
        """
        while not self._messages:
            if self._ended:
                return None
            try:
                self._pump(timeout)
            except (OSError, WebSocketException, ValueError):
                # Broken by the peer, or closed by another thread while waiting.
                self._ended = True
        return self._messages.popleft()

    @property
    def said_goodbye(self) -> bool:
        """Whether the peer has ended the connection because all was said."""
        return self._protocol.close_rcvd is not None and self._protocol.close_rcvd.code == CloseCode.NORMAL_CLOSURE

    def close(self) -> None:
        """Ends the connection at once; a blocked :meth:`receive` returns None. Safe to call twice."""
        with self._lock:
            with contextlib.suppress(OSError, WebSocketException):
                if self._protocol.state is OPEN:
                    self._protocol.send_close(1000)
                    self._flush()
            with contextlib.suppress(OSError):
                # Wakes the thread that waits in `receive`; the file descriptor is closed by `release`.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def release(self) -> None:
        """Gives the file descriptor back; to be called by the thread that receives, when it is done."""
        self.close()
        self._socket.close()

    def _pump(self, timeout: float | None) -> None:
        self._wait(select.POLLIN, timeout)
        with self._lock:
            while True:
                try:
                    data = self._socket.recv(_RECEIVE_BYTES)
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    break
                if not data:
                    self._protocol.receive_eof()
                    self._ended = True
                    break
                self._protocol.receive_data(data)
            self._flush()
            for event in self._protocol.events_received():
                if isinstance(event, Frame):
                    self._collect(event)
            if self._protocol.state in (CLOSING, CLOSED):
                self._ended = True

    def _collect(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.CONT):
            self._fragments.append(bytes(frame.data))
            if frame.fin:
                self._messages.append(b"".join(self._fragments).decode())
                self._fragments.clear()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            view = memoryview(data)
            while view:
                try:
                    view = view[self._socket.send(view) :]
                except ssl.SSLWantWriteError:
                    self._wait(select.POLLOUT, self._timeout)
                except ssl.SSLWantReadError:
                    self._wait(select.POLLIN, self._timeout)

    def _wait(self, event: int, timeout: float | None) -> None:
        poll = select.poll()
        poll.register(self._socket, event)
        if not poll.poll(None if timeout is None else timeout * 1000):
            raise TimeoutError("no answer in time")
