"""Containers of the real images on a network of their own, seeded as the lab does it, with stand-ins for agents."""

from __future__ import annotations

import datetime
import gzip
import hashlib
import io
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from docker.models.containers import Container

from jujulab import host
from jujulab.images import image_tag
from jujulab.lab import machines, names, pki
from jujulab.lab.engine import ContainerSpec, Engine, File

MODEL = "11111111-2222-4333-8444-555555666666"
# An agent that does nothing, but is there.
AGENT = "#!/bin/sh\necho started $0 $*\nexec sleep infinity\n"


class Tarball(NamedTuple):
    """An agent binary, as it lies on a server."""

    binary: str
    data: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def url(self) -> str:
        return f"https://controller/model/{MODEL}/tools/{self.binary}"


def tarball(binary: str, *entries: tarfile.TarInfo, agent: str = AGENT) -> Tarball:
    """An agent binary that holds ``jujud`` and, behind it, these entries (without content)."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        jujud = tarfile.TarInfo("jujud")
        jujud.mode, jujud.size = 0o755, len(agent)
        archive.addfile(jujud, io.BytesIO(agent.encode()))
        for entry in entries:
            archive.addfile(entry, io.BytesIO(bytes(entry.size)))
    return Tarball(binary, gzip.compress(raw.getvalue(), mtime=0))


def run(container: Container, command: str, expect: int = 0) -> str:
    """Runs a shell command; fails the test if it does not end as expected. Returns what it printed, stderr included."""
    code, output = container.exec_run(["sh", "-c", command])
    assert isinstance(output, bytes)
    text = output.decode()
    assert code == expect, f"{command}: exit {code}\n{text}"
    return text


def wait(container: Container, condition: str, seconds: int = 30) -> None:
    """Waits until a shell command succeeds; fails the test after that many seconds, with the journal's end."""
    code, _ = container.exec_run(["timeout", str(seconds), "sh", "-c", f"until {condition}; do sleep 0.1; done"])
    if code:
        journal = run(container, "journalctl --no-pager -n 30")
        raise AssertionError(f"after {seconds}s still not: {condition}\n{journal}")


@dataclass
class Bench:
    """A network with servers and machines, all removed at the end."""

    engine: Engine
    lab: str
    directory: Path
    ca: pki.Pair
    login: pki.SshKey
    host_keys: dict[str, pki.SshKey] = field(default_factory=dict)

    def server(self, alias: str, certificate: pki.Pair) -> Container:
        """nginx of the streams image, under this name and certificate."""
        return self.engine.ensure_started(
            ContainerSpec(
                name=names.container(self.lab, alias.partition(".")[0]),
                image=image_tag("streams"),
                hostname="server",
                labels=names.labels(self.lab, names.STREAMS),
                networks={names.network(self.lab): (alias,)},
                files=(
                    File("/etc/jujulab/tls.crt", certificate.certificate),
                    File("/etc/jujulab/tls.key", certificate.key),
                ),
                run={"init": True},
            )
        )

    def put(self, server: Container, path: str, data: bytes) -> None:
        """Puts a file onto a server."""
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w") as archive:
            entry = tarfile.TarInfo(f"srv/streams{path}")
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
        server.put_archive("/", content.getvalue())

    def machine(self, machine_id: str, what: Tarball, *urls: str, role: str = "machine") -> Container:
        """A machine whose first boot installs this agent binary."""
        name = f"{role}-{machine_id}"
        key = self.host_keys.setdefault(names.container(self.lab, name), pki.make_ssh_key(name))
        files = machines.first_boot(
            agent_conf={"tag": f"machine-{machine_id}", "cacert": self.ca.certificate, "apipassword": "secret"},
            binary=what.binary,
            sha256=what.sha256,
            size=len(what.data),
            urls=urls or (what.url,),
            ca_cert=self.ca.certificate,
            host_key=key,
            authorized_key=self.login.public,
        )
        if role == "controller":
            files += (File(f"{machines.SEED_DIR}/bootstrap-params", "{}\n"),)
        return self.engine.ensure_started(
            ContainerSpec(
                name=names.container(self.lab, name),
                image=image_tag(role),
                hostname=name,
                labels=names.labels(self.lab, names.MACHINE),
                networks={names.network(self.lab): (name,)},
                files=files,
                run=host.machine_run_kwargs(self.engine.client.info()),
            )
        )

    def ssh(self, container: Container, *command: str, user: str = "ubuntu") -> subprocess.CompletedProcess[str]:
        """Runs a command over SSH with the lab's key and the host key pinned; uses nothing of this user's."""
        container.reload()
        address = container.attrs["NetworkSettings"]["Networks"][names.network(self.lab)]["IPAddress"]
        key = self.directory / "key"
        key.touch(mode=0o600)
        key.write_text(self.login.private)
        known = self.directory / "known_hosts"
        known.write_text(f"{address} {' '.join(self.host_keys[str(container.name)].public.split()[:2])}\n")
        options = ["-F", "none", "-i", str(key), "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"]
        options += ["-o", f"UserKnownHostsFile={known}", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10"]
        return subprocess.run(
            ["ssh", *options, f"{user}@{address}", *command], capture_output=True, text=True, check=False, timeout=30
        )


@contextmanager
def bench(lab: str, directory: Path) -> Iterator[Bench]:
    """A network for the time of the block."""
    with Engine() as engine:
        engine.remove_lab(lab)
        engine.ensure_network(lab, names.network(lab))
        try:
            ca = pki.make_ca(lab, datetime.datetime.now(datetime.UTC))
            yield Bench(engine, lab, directory, ca, pki.make_ssh_key("login"))
        finally:
            engine.remove_lab(lab)
