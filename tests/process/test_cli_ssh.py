"""OpenSSH's client, as the commands call it, against an SSH server of a machine."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jujulab.cli.remote import Target, ssh_line
from tests.support.ssh_server import SshServer, answers, make_key

MACHINE = Target("ubuntu", "127.0.0.1", "juju-1a2b3c-0")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SshServer]:
    key, private = make_key()
    (tmp_path / "ssh").mkdir()
    (tmp_path / "ssh" / "id_ed25519").write_text(private)
    (tmp_path / "ssh" / "id_ed25519").chmod(0o600)
    made = SshServer(key)
    made.behaves = answers(3, "hello\n")
    yield made
    made.close()


def pin(directory: Path, server: SshServer | None) -> None:
    key = server.key if server else make_key()[0]
    text = f"{MACHINE.instance} {key.get_name()} {key.get_base64()}\n"
    (directory / "ssh" / "known_hosts").write_text(text)


@pytest.mark.parametrize(
    ("right", "checks", "code", "out"),
    [(True, True, 3, "hello\n"), (False, True, 255, ""), (False, False, 3, "hello\n")],
    ids=["pinned", "another key", "unchecked"],
)
def test_the_pinned_host_key(server: SshServer, tmp_path: Path, right: bool, checks: bool, code: int, out: str) -> None:
    pin(tmp_path, server if right else None)
    program, *rest = ssh_line(tmp_path, MACHINE, ["hostname"], host_key_checks=checks)
    line = [program, "-p", str(server.port), *rest]
    done = subprocess.run(line, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=30)
    assert (done.returncode, done.stdout) == (code, out)
    assert ("Host key verification failed" in done.stderr) == (code == 255)
