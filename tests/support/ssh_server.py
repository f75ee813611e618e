"""An SSH server of a machine, on the loopback device and in this process, which may misbehave in the midst."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from io import StringIO

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

ANSWER_SECONDS = 0.02
# What it does with a command, on the channel that it came by.
Behaviour = Callable[[paramiko.Channel, str], None]


def make_key() -> tuple[paramiko.Ed25519Key, str]:
    """A key pair, and the private one as a file holds it."""
    made = Ed25519PrivateKey.generate()
    text = made.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    return paramiko.Ed25519Key.from_private_key(StringIO(text)), text


def answers(code: int, out: str = "", err: str = "") -> Behaviour:
    """A command that ends as it should."""

    def behave(channel: paramiko.Channel, _command: str) -> None:
        channel.sendall(out.encode())
        channel.sendall_stderr(err.encode())
        channel.send_exit_status(code)
        channel.close()

    return behave


def breaks(out: str = "") -> Behaviour:
    """The connection ends before the command does."""

    def behave(channel: paramiko.Channel, _command: str) -> None:
        channel.sendall(out.encode())
        channel.get_transport().close()

    return behave


def hangs(channel: paramiko.Channel, _command: str) -> None:
    """Nothing is ever heard of the command."""


class SshServer:
    """The server; lets in whoever has the key that it was told of."""

    def __init__(self, allowed: paramiko.PKey, where: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        self.key, self.allowed = make_key()[0], allowed
        self.behaves: Behaviour = answers(0)
        # Whether it says anything to a command at all; if not, it stands still until it thaws.
        self.accepts_exec, self.thaws = True, threading.Event()
        self.workers: list[threading.Thread] = []
        self.commands: list[str] = []
        self._transports: list[paramiko.Transport] = []
        self._listener = socket.create_server(where)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def logins(self) -> int:
        """How many connections there were."""
        return len(self._transports)

    def close(self) -> None:
        """Ends it with all its connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        self.thaws.set()
        for transport in self._transports:
            transport.close()
            transport.join()
        for worker in self.workers:
            worker.join()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(client)
            transport.add_server_key(self.key)
            self._transports.append(transport)
            transport.start_server(event=threading.Event(), server=_Session(self))


class _Session(paramiko.ServerInterface):
    def __init__(self, server: SshServer) -> None:
        self._server = server

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        known = username == "ubuntu" and key == self._server.allowed
        return paramiko.AUTH_SUCCESSFUL if known else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        server = self._server
        server.commands.append(command.decode())
        behaves = server.behaves
        if not server.accepts_exec:
            server.thaws.wait()
            return False

        def work() -> None:
            with suppress(OSError, EOFError, paramiko.SSHException):
                behaves(channel, command.decode())

        # The answer to the request goes out first.
        worker = threading.Timer(ANSWER_SECONDS, work)
        server.workers.append(worker)
        worker.start()
        return True
