"""The shell around Docker: find, create, seed, start and remove the containers and networks of a lab."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import docker
import requests
from docker.errors import APIError, DockerException, NotFound
from docker.models.containers import Container
from docker.models.networks import Network
from docker.models.volumes import Volume
from docker.types import Mount

from jujulab.lab import names
from jujulab_core.errors import HostError, JujulabError, UsageError

_T = TypeVar("_T")
_R = TypeVar("_R")

# Docker itself works on few requests at a time; more only wait in its queue.
PARALLEL = 6
# After a crash, a restart of the engine or of the host, only what was stopped on purpose stays stopped.
_RUN: Mapping[str, Any] = {"restart_policy": {"Name": "unless-stopped"}}


class File(NamedTuple):
    """A file to put into a container before it starts."""

    path: str
    text: str
    mode: int = 0o600
    uid: int = 0


@dataclass(frozen=True)
class ContainerSpec:
    """A container to create.

    Attributes:
        name: Its name in Docker.
        image: Its image.
        hostname: Its host name.
        labels: Its labels.
        networks: The networks by name, each with the aliases there; the first is attached at the start.
        files: Put into it before its first start; directories on the way are made 0755, those of 0600 files 0700.
        ports: Container port to a port of the host's loopback.
        volumes: Volume to the directory where it is mounted; each is made where it is missing.
        run: Further arguments for Docker's SDK, such as what systemd needs.
    """

    name: str
    image: str
    hostname: str
    labels: Mapping[str, str]
    networks: Mapping[str, tuple[str, ...]]
    files: tuple[File, ...] = ()
    ports: Mapping[int, int] = field(default_factory=dict)
    volumes: Mapping[str, str] = field(default_factory=dict)
    run: Mapping[str, Any] = field(default_factory=dict)


class PortInUseError(JujulabError):
    """A port of the host that a container is to be reached by is taken."""


@contextmanager
def docker_errors(doing: str) -> Iterator[None]:
    """Turns Docker's exceptions into one sentence that says what was being done."""
    try:
        yield
    except APIError as error:
        said = str(error.explanation or error)
        # The engine has a phrase for ports that it gave away itself, and the kernel's for all others.
        if any(phrase in said for phrase in ("port is already allocated", "address already in use")):
            raise PortInUseError(
                f"cannot {doing}: {said}",
                next_step="free the port (`ss -ltnp` and `docker ps` say who has it), then run this again",
            ) from error
        raise JujulabError(f"cannot {doing}: {said}") from error
    except (DockerException, requests.exceptions.RequestException) as error:
        raise HostError(
            f"cannot {doing}: the Docker engine does not answer",
            next_step="start Docker, then run 'jujulab doctor'",
        ) from error


class Engine:
    """A Docker engine, seen by label. Use as a context manager."""

    def __init__(self) -> None:
        with docker_errors("reach Docker"):
            # One pooled connection for each of our threads; the default of ten is logged about when exceeded.
            self.client = docker.from_env(timeout=120, max_pool_size=32)
            try:
                self.client.ping()
            except BaseException:
                self.client.close()
                raise

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def containers(self, lab: str | None = None, role: str | None = None) -> list[Container]:
        """The containers of a lab (of all labs), with this role (any), whatever their state."""
        return self._with_label(self.client.containers.list, lab, role, all=True, ignore_removed=True)

    def networks(self, lab: str) -> list[Network]:
        """The networks of a lab."""
        return self._with_label(self.client.networks.list, lab, None)

    def labs(self) -> set[str]:
        """The names of all labs that anything is there of."""
        networks: list[Network] = self._with_label(self.client.networks.list, None, None)
        volumes: list[Volume] = self._with_label(self.client.volumes.list, None, None)
        there = [one.labels for one in self.containers()] + [one.attrs["Labels"] for one in (*networks, *volumes)]
        return {labels[names.LABEL_LAB] for labels in there}

    def find(self, name: str) -> Container | None:
        """The container of that name, or None."""
        with docker_errors(f"look for the container {name}"):
            try:
                return self.client.containers.get(name)
            except NotFound:
                return None

    def ensure_network(self, lab: str, name: str, *, internal: bool = False) -> None:
        """Makes the network unless it is there."""
        with docker_errors(f"make the network {name}"):
            if not self.client.networks.list(names=[f"^{name}$"]):
                labels = names.labels(lab, "network")
                self.client.networks.create(name, driver="bridge", labels=labels, internal=internal)

    def ensure_started(self, spec: ContainerSpec) -> Container:
        """Starts the container; makes it where it is missing, and again where an earlier try was cut short."""
        found = self.find(spec.name)
        with docker_errors(f"start the container {spec.name}"):
            if found is not None and found.status == "created":
                # Never started, so perhaps never seeded: nothing is lost by beginning again.
                found.remove(force=True)
                found = None
            container = found or self._create(spec)
        self.start(container)
        return container

    @staticmethod
    def start(container: Container) -> None:
        """Starts a container that does not run."""
        with docker_errors(f"start the container {container.name}"):
            if container.status != "running":
                container.start()

    def _create(self, spec: ContainerSpec) -> Container:
        endpoints = {
            network: self.client.api.create_endpoint_config(aliases=list(aliases))
            for network, aliases in spec.networks.items()
        }
        for name in spec.volumes:
            # Making one that is there changes nothing.
            self.client.volumes.create(name, labels=names.labels(spec.labels[names.LABEL_LAB], "volume"))
        first, *others = spec.networks
        container = self.client.containers.create(
            spec.image,
            name=spec.name,
            hostname=spec.hostname,
            labels=dict(spec.labels),
            network=first,
            networking_config={first: endpoints[first]},
            mounts=[Mount(place, name) for name, place in spec.volumes.items()],
            ports={f"{inside}/tcp": ("127.0.0.1", outside) for inside, outside in spec.ports.items()},
            **_RUN,
            **spec.run,
        )
        for name in others:
            self.client.networks.get(name).connect(container, aliases=list(spec.networks[name]))
        if spec.files:
            container.put_archive("/", archive(spec.files))
        return container

    def run_in(self, container: Container, command: list[str]) -> str:
        """Runs a command in a container and returns what it printed.

        Raises:
            UsageError: It is one of ours, and refused how it was called.
            JujulabError: It failed; the message is the last line that it wrote to stderr, or what a program of ours
                said, with the next step.
        """
        with docker_errors(f"run {command[0]} in {container.name}"):
            code, output = container.exec_run(command, demux=True)
        out, err = (bytes(part or b"").decode(errors="replace") for part in output)
        if code != 0:
            raise _failure(code, err or out)
        return out

    def remove_volume(self, name: str) -> None:
        """Removes a volume that no container has any more, with all that is in it; nothing happens if there is none."""
        with docker_errors(f"remove the volume {name}"), suppress(NotFound):
            self.client.volumes.get(name).remove()

    def remove_lab(self, lab: str) -> int:
        """Removes the containers, the volumes and the networks of a lab; returns how many containers there were."""
        containers = self.containers(lab)
        with docker_errors(f'remove the containers of lab "{lab}"'):
            in_parallel(self.remove, containers)
            for network in self.networks(lab):
                network.remove()
            for volume in self._with_label(self.client.volumes.list, lab, None):
                volume.remove()
        return len(containers)

    @staticmethod
    def remove(container: Container) -> None:
        """Removes a container with its disk, whatever its state."""
        try:
            container.remove(force=True, v=True)
        except NotFound:
            # Removed by somebody else in the meantime: that is what was wanted.
            return

    @staticmethod
    def _with_label(listing: Callable[..., list[_R]], lab: str | None, role: str | None, **kwargs: Any) -> list[_R]:
        filters = [f"{names.LABEL_LAB}={lab}" if lab else names.LABEL_LAB]
        if role:
            filters.append(f"{names.LABEL_ROLE}={role}")
        with docker_errors("list what belongs to labs"):
            return listing(filters={"label": filters}, **kwargs)


def _failure(code: int | None, said: str) -> JujulabError:
    """What a program that failed has said, as an error of ours; see `JujulabError.told`."""
    text, _, step = said.strip().partition("\nNext: ")
    line = (text.splitlines() or [f"exit code {code}"])[-1]
    is_usage = line.startswith("ERROR ") and code == UsageError.exit_code
    return (UsageError if is_usage else JujulabError)(line.removeprefix("ERROR "), next_step=step or None)


def address(container: Container, network: str) -> str:
    """The container's address on a network, or an empty string while it has none."""
    container.reload()
    found = container.attrs["NetworkSettings"]["Networks"].get(network) or {}
    return str(found.get("IPAddress", ""))


def archive(files: Iterable[File]) -> bytes:
    """A tar of the files, with the directories that lie on their way below ``/``."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for file in files:
            data = file.text.encode()
            info = tarfile.TarInfo(file.path.lstrip("/"))
            info.size, info.mode, info.uid, info.gid = len(data), file.mode, file.uid, file.uid
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def in_parallel(work: Callable[[_T], _R], items: Iterable[_T]) -> list[_R]:
    """Does the work for each item, a few at a time; the first failure is raised when all have ended."""
    with ThreadPoolExecutor(PARALLEL, thread_name_prefix="docker") as pool:
        futures = [pool.submit(work, item) for item in items]
    return [future.result() for future in futures]
