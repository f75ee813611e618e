"""The orchestrator's hands: one SSH connection a machine, opened once, with the host key that the lab made."""

from __future__ import annotations

import base64
import shlex
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import paramiko
from fabric import Config, Connection

from jujulab.rollout import checks, probes
from jujulab.rollout.acts import Act, Result
from jujulab.rollout.checks import Opinion, Verdict
from jujulab.rollout.model import Binary, Machine
from jujulab.rollout.phases import INCOMPLETE
from jujulab_core.errors import JujulabError
from jujulab_core.rollout import Check

# What `upgradectl` on the machine answers when it refuses.
_FENCED = 70
_UNSTAGED = 71
_CONNECT_SECONDS = 15
_KEEPALIVE_SECONDS = 15
# So much of what a command prints is read at most, and so much of it gets into a reason.
_OUTPUT_BYTES = 65536
_SAID_CHARS = 200
# In a line of `upgradectl show`.
_SHOWN_WORDS = 4
_COMMAND_SECONDS = 90
_STAGE_SECONDS = 300


class FencedError(JujulabError):
    """A machine has seen a newer orchestrator than this one: this one must not act any more."""


@dataclass(frozen=True)
class Target:
    """Where a machine is and what key it must show."""

    address: str
    instance_id: str
    host_key: str


class Hands:
    """Carries out acts on machines. Safe to use from many threads, one at a time for each machine."""

    def __init__(self, key_file: Path) -> None:
        """Reads the lab's private key.

        Raises:
            JujulabError: It cannot be read.
        """
        try:
            self._key = paramiko.Ed25519Key.from_private_key_file(str(key_file))
        except (OSError, paramiko.SSHException) as error:
            raise JujulabError(f"cannot read the lab's SSH key {key_file}: {error}") from error
        # Nothing of this user's or host's own SSH settings has a say.
        self._config = Config(lazy=True)
        self._config.load_ssh_configs = False
        self._open: dict[Target, Connection] = {}
        self._opening: dict[Target, threading.Lock] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Ends all connections."""
        with self._lock:
            connections, self._open = list(self._open.values()), {}
        for connection in connections:
            _close(connection)

    def keep_only(self, machines: list[Machine]) -> None:
        """Ends the connections to machines that are not among these."""
        wanted = {_target(machine) for machine in machines}
        with self._lock:
            done = [self._open.pop(target) for target in list(self._open) if target not in wanted]
            self._opening = {target: lock for target, lock in self._opening.items() if target in wanted}
        for connection in done:
            _close(connection)

    def prepare(self, machine: Machine) -> None:
        """Opens the connection ahead of time, while the machine still gets its binary; a failure shows later."""
        try:
            self._connection(_target(machine))
        except (OSError, EOFError, paramiko.SSHException):
            self._forget(_target(machine))

    def perform(self, machine: Machine, act: Act, token: int, wanted: Sequence[Check] = ()) -> Result:
        """Does one act and says how it went.

        Args:
            machine: Where.
            act: What.
            token: The lease's; the machine refuses one that is older than it has seen.
            wanted: The checks to make, for :attr:`Act.CHECK`.

        Raises:
            FencedError: This orchestrator's lease is over.
        """
        if not machine.address:
            return Result(act, False, "its address is not known: it has never logged in", unreachable=True)
        if act is Act.CHECK:
            opinion = checks.together({check.name: self._opinion(machine, check) for check in wanted})
            return Result(act, opinion.verdict is Verdict.GOOD, opinion.why, opinion=opinion)
        try:
            if act is Act.ROLL_BACK:
                code, out, err = self._roll_back(machine, token)
            else:
                code, out, err = self._run(_target(machine), _command(machine, act, token), _seconds(act))
        except paramiko.BadHostKeyException:
            why = "its SSH host key is not the one that the lab made"
            return Result(act, False, why, unreachable=act is Act.LOOK)
        except (OSError, EOFError, paramiko.SSHException) as error:
            self._forget(_target(machine))
            said = str(error) or type(error).__name__
            return Result(act, False, f"it cannot be reached over SSH: {said}", unreachable=True)
        reason = _last_line(code, err)
        if code == _FENCED:
            raise FencedError(reason)
        if act is Act.LOOK:
            return _seen(out) if code == 0 else Result(act, False, reason, unreachable=True)
        return Result(act, code == 0, "" if code == 0 else reason, unstaged=code == _UNSTAGED)

    def _roll_back(self, machine: Machine, token: int) -> tuple[int, str, str]:
        """Puts a machine back; where it does not have the binary to go back to, it gets that first.

        It may have lost it; or it was made with the new version and never had another.
        """
        target, before = _target(machine), machine.before
        swap = _command(machine, Act.ROLL_BACK, token)
        ended = self._run(target, swap, _COMMAND_SECONDS)
        if ended[0] != _UNSTAGED or before is None or not before.sha256:
            return ended
        code, out, err = self._run(target, _staging(before, token), _STAGE_SECONDS)
        if code:
            # Not that of a binary that nobody has: it is tried again.
            return code, out, f"{INCOMPLETE}{_last_line(code, err)}"
        return self._run(target, swap, _COMMAND_SECONDS)

    def _opinion(self, machine: Machine, check: Check) -> Opinion:
        if check.kind != "exec":
            return probes.ask(check, machine.address)
        # Whatever the user may do with sudo, the check may not.
        words = ["timeout", "-k", "1", f"{check.timeout:g}", "setpriv", "--no-new-privs", "sh", "-c", check.target]
        try:
            code, out, err = self._run(_target(machine), shlex.join(words), check.timeout + _CONNECT_SECONDS)
        except (OSError, EOFError, paramiko.SSHException) as error:
            self._forget(_target(machine))
            return Opinion(Verdict.CANNOT_TELL, f"no way in over SSH: {error or type(error).__name__}")
        said = (err.strip() or out.strip()).splitlines()
        return checks.of_exec(code, said[-1][:_SAID_CHARS] if said else "")

    def _run(self, target: Target, command: str, seconds: float) -> tuple[int, str, str]:
        """Runs a command to its end; exit code, output, errors.

        Raises:
            TimeoutError: It took longer; the connection is no more, the command may still be at work.
            EOFError, OSError, paramiko.SSHException: There is no way in, or how the command ended was never heard.
        """
        transport = self._connection(target).transport
        # Without a timeout a machine that is frozen would hold this thread for an hour.
        channel = transport.open_session(timeout=_CONNECT_SECONDS)
        # Paramiko waits for some answers for ever; the end of the connection ends every wait.
        began, watch = time.monotonic(), threading.Timer(seconds, transport.close)
        watch.start()
        try:
            channel.exec_command(command)
            out, err = channel.makefile("r"), channel.makefile_stderr("r")
            # What `upgradectl` prints is far below the window, so reading one after the other cannot block it.
            return_out, return_err = (stream.read(_OUTPUT_BYTES).decode(errors="replace") for stream in (out, err))
            code = channel.recv_exit_status()
            if code < 0:
                raise paramiko.SSHException("the session ended without an exit code")
            return code, return_out, return_err
        except (OSError, EOFError, paramiko.SSHException) as error:
            if time.monotonic() - began < seconds:
                raise
            raise TimeoutError(f"no answer within {seconds:g} s") from error
        finally:
            watch.cancel()
            channel.close()

    def _connection(self, target: Target) -> Connection:
        with self._lock:
            opening = self._opening.setdefault(target, threading.Lock())
        # Who prepares and who acts at the same time would open one each, and one of the two would never be closed.
        with opening:
            with self._lock:
                connection = self._open.get(target)
            if connection is not None and connection.is_connected:
                return connection
            self._forget(target)
            connection = self._connect(target)
            with self._lock:
                self._open[target] = connection
            return connection

    def _connect(self, target: Target) -> Connection:
        """Connects to where the machine last said it is, or, where it is not there any more, to where its name leads.

        An engine that was started again has given out addresses anew, and an agent that does not run tells of none.
        """
        try:
            return self._dial(target, target.address)
        except (OSError, paramiko.BadHostKeyException) as error:
            try:
                return self._dial(target, target.instance_id)
            except (OSError, EOFError, paramiko.SSHException):
                # What is wrong with its address is what a person can look into.
                raise error from None

    def _dial(self, target: Target, host: str) -> Connection:
        connection = Connection(
            host,
            user="ubuntu",
            config=self._config,
            connect_timeout=_CONNECT_SECONDS,
            connect_kwargs={
                "pkey": self._key,
                "allow_agent": False,
                "look_for_keys": False,
                "banner_timeout": _CONNECT_SECONDS,
                "auth_timeout": _CONNECT_SECONDS,
            },
        )
        # Fabric takes any host key as it comes; here only the pinned one will do.
        kind, _, data = target.host_key.partition(" ")
        pinned = paramiko.Ed25519Key(data=base64.b64decode(data)) if kind == "ssh-ed25519" else None
        if pinned is None:
            raise paramiko.SSHException(f"the lab pinned a host key of the kind {kind!r}, which it never makes")
        connection.client.set_missing_host_key_policy(paramiko.RejectPolicy())
        connection.client.get_host_keys().add(host, kind, pinned)
        try:
            connection.open()
        except BaseException:
            _close(connection)
            raise
        connection.transport.set_keepalive(_KEEPALIVE_SECONDS)
        return connection

    def _forget(self, target: Target) -> None:
        with self._lock:
            connection = self._open.pop(target, None)
        if connection is not None:
            _close(connection)


def _close(connection: Connection) -> None:
    # Fabric's own `close` leaves a connection that could not be made half open, with its thread and its socket.
    connection.client.close()


def _seen(shown: str) -> Result:
    """Reads what ``upgradectl show`` prints: ``TAG BINARY ACTIVE-STATE PID`` for each agent.

    Only a failure that was seen is one: what cannot be read says nothing of the machine.
    """
    agents = [line.split() for line in shown.splitlines()]
    if not agents or any(len(words) != _SHOWN_WORDS for words in agents):
        return Result(Act.LOOK, False, "upgradectl did not say how its agents are", unreachable=True)
    for tag, binary, state, _ in agents:
        if state == "failed":
            return Result(Act.LOOK, False, f"{tag} of {binary} does not stay up: systemd has given up on it")
    return Result(Act.LOOK, True)


def _last_line(code: int, err: str) -> str:
    return err.strip().splitlines()[-1] if err.strip() else f"upgradectl ended with {code}"


def _target(machine: Machine) -> Target:
    return Target(machine.address, machine.instance_id, machine.host_key)


def _seconds(act: Act) -> float:
    return _STAGE_SECONDS if act is Act.STAGE else _COMMAND_SECONDS


def _command(machine: Machine, act: Act, token: int) -> str:
    binary = machine.binary
    if act is Act.LOOK:
        words = ["show"]
    elif act is Act.STAGE:
        return _staging(binary, token)
    else:
        # Its units go with it, also one that came after this upgrade was looked at.
        words = ["swap", str(token), binary.name if act is Act.SWAP else machine.old_binary, machine.tags[0]]
    return _upgradectl(*words)


def _staging(binary: Binary, token: int) -> str:
    return _upgradectl("stage", str(token), binary.name, binary.url, binary.sha256, str(binary.size))


def _upgradectl(*words: str) -> str:
    return shlex.join(["sudo", "-n", "upgradectl", *words])
