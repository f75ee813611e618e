"""A Docker engine of a test's own, which it may restart and kill; the one that everybody else uses is not touched.

It has a network namespace, a data directory and a socket of its own, so its bridges and firewall rules are not the
host's. What listens on its loopback is reached by programs that are started with :attr:`OwnEngine.inside`.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import docker
import requests
from docker import DockerClient
from docker.errors import DockerException

from jujulab.images import image_tag
from jujulab_core.waiting import Deadline, wait_for

SECONDS = 90.0
_IMAGES = ("base", "machine", "controller", "streams", "orchestrator")
# A new network namespace begins with its loopback down. 0x8914 and 0x8913 set and get an interface's flags.
_LOOPBACK_UP = """python3 -c '
import fcntl, socket, struct
with socket.socket() as any:
    flags, = struct.unpack_from("H", fcntl.ioctl(any, 0x8913, struct.pack("16sH14x", b"lo", 0)), 16)
    fcntl.ioctl(any, 0x8914, struct.pack("16sH14x", b"lo", flags | 1))
'"""
# Whatever cgroups the host has: what an engine finds there is the hierarchy of version 2, as on today's distributions.
_CGROUPS_2 = "umount -R /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup"


class OwnEngine:
    """A running engine.

    Attributes:
        inside: What a command is prefixed with to run in the engine's namespaces.
        address: What ``DOCKER_HOST`` is to be.
    """

    def __init__(self, directory: Path, *, cgroups_2: bool = False) -> None:
        self.address = f"unix://{directory / 'docker.sock'}"
        self._directory = directory
        namespaces = ("--net", "--mount") if cgroups_2 else ("--net",)
        prepare = [_LOOPBACK_UP, *([_CGROUPS_2] if cgroups_2 else [])]
        script = " && ".join([*prepare, "exec sleep infinity"])
        # Keeps the namespaces while the engine is away.
        self._keeper = subprocess.Popen(["unshare", *namespaces, "sh", "-c", script])
        self._engine: subprocess.Popen[bytes] | None = None
        # Whoever enters too soon enters the host's.
        name = Path(f"/proc/{self._keeper.pid}/comm")
        wait_for(lambda: (name.read_text() == "sleep\n" or None, "the engine's namespaces"), Deadline(SECONDS), 0.01)
        self.inside = ("nsenter", "--target", str(self._keeper.pid), *namespaces)

    def start(self) -> None:
        """Starts it and waits until it answers."""
        directory = self._directory
        command = [
            *self.inside,
            *("dockerd", "--host", self.address, "--pidfile", str(directory / "pid")),
            *("--data-root", str(directory / "data"), "--exec-root", str(directory / "exec")),
            # Where the host's containerd is used, what is ours has names of its own there.
            *("--containerd-namespace", directory.name, "--containerd-plugins-namespace", f"{directory.name}-plugins"),
        ]
        # Its containerd leaves its stacks in the temporary directory when the engine finds it too slow and ends it.
        temporary = directory / "tmp"
        temporary.mkdir(exist_ok=True)
        environment = os.environ | {"TMPDIR": str(temporary)}
        with (directory / "log").open("ab") as log:
            self._engine = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)

        def probe() -> tuple[bool | None, str]:
            # Docker's SDK does not close a socket that nobody listens on.
            with socket.socket(socket.AF_UNIX) as connection:
                try:
                    connection.connect(self.address.removeprefix("unix://"))
                except OSError as error:
                    return None, f"the engine to answer ({error}); its log is {directory / 'log'}"
            with closing(self.client()) as client:
                try:
                    return client.ping() or None, "the engine to answer"
                except (DockerException, requests.exceptions.RequestException) as error:
                    return None, f"the engine to answer ({error}); its log is {directory / 'log'}"

        wait_for(probe, Deadline(SECONDS))

    def client(self) -> DockerClient:
        """A new client of it."""
        return docker.DockerClient(self.address, version="1.41", timeout=120)

    def stop(self) -> None:
        """Ends it, and with it its containers."""
        assert self._engine is not None
        self._engine.terminate()
        self._engine.wait(SECONDS)

    def load_images(self, source: DockerClient) -> None:
        """Copies the lab's images from another engine, where they are brought up to date first."""
        # What is not up to date would be built here, where nothing can be fetched.
        subprocess.run([sys.executable, "-m", "jujulab.images"], check=True)
        names = [image_tag(name) for name in _IMAGES]
        saved = source.api.get(f"{source.api.base_url}/v1.41/images/get", params={"names": names}, stream=True)
        with closing(saved), closing(self.client()) as client:
            saved.raise_for_status()
            client.images.load(saved.raw)

    def close(self) -> None:
        """Ends it and what it keeps."""
        if self._engine is not None and self._engine.poll() is None:
            self.stop()
        self._keeper.kill()
        self._keeper.wait()


@contextmanager
def own_engine(directory: Path, source: DockerClient, *, cgroups_2: bool = False) -> Iterator[OwnEngine]:
    """An engine with the lab's images for the time of the block, which only root can start.

    Args:
        directory: Where it keeps all that it has.
        source: The engine that the images come from.
        cgroups_2: Whether it is to have cgroups of version 2, whatever the host has.
    """
    assert os.geteuid() == 0, "only root can start a Docker engine: run the tests as root"
    made = OwnEngine(directory, cgroups_2=cgroups_2)
    try:
        made.start()
        made.load_images(source)
        yield made
    finally:
        made.close()
