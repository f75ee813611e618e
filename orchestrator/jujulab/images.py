"""The lab's container images: which there are, whether one is up to date, and how it is made.

Every image carries a label with the sha256 of all that it is made from, its parent's included. An image whose label
is right is left alone, so that asking again costs next to nothing.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import SpooledTemporaryFile
from textwrap import shorten
from typing import IO, Any

import docker
from docker.errors import APIError, DockerException, ImageNotFound
from docker.models.images import Image

from jujulab import rootfs, wheels
from jujulab_core.errors import HostError, JujulabError

INPUTS_LABEL = "io.jujulab.inputs"

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Recipe:
    """What an image is made from, next to the files in ``images/NAME``.

    Attributes:
        parent: The image it is built on; None for the first, which is built on a distribution.
        packages: Our own import packages that go into it, as directories of the repository.
    """

    parent: str | None
    packages: tuple[str, ...] = ()


CORE = "core/jujulab_core"

# In the order in which they are built.
RECIPES = {
    "base": Recipe(None),
    "machine": Recipe("base"),
    "controller": Recipe("machine", (CORE, "controller/jujulab_controller")),
    "streams": Recipe("base", (CORE, "agent_image/jujulab_agent")),
    "orchestrator": Recipe("base", (CORE, "orchestrator/jujulab")),
}
IMAGES = tuple(RECIPES)


def image_tag(name: str) -> str:
    """The tag of one of our images: ``jujulab/machine:latest``.

    ``JUJULAB_IMAGES`` replaces the first part, so that two checkouts can use one engine without building each other's
    images anew.
    """
    return f"{os.environ.get('JUJULAB_IMAGES') or 'jujulab'}/{name}:latest"


def ensure_images(client: docker.DockerClient, progress: Progress = lambda _: None) -> None:
    """Builds those images that are missing or made from something else than what is there now.

    Args:
        client: The engine.
        progress: Is told in one line what is being done; not called when nothing is to be done.

    Raises:
        HostError: The images' sources, a base, or a package are not to be had.
    """
    builder = _Builder(client, repository(), progress)
    for name in IMAGES:
        builder.ensure(name)


def repository() -> Path:
    """The checkout that this package is installed from.

    Raises:
        HostError: It is not installed from a checkout.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / "images" / "base" / "Dockerfile").is_file():
        raise HostError(
            f"cannot build the lab's images: {root} has no directory 'images'",
            next_step="install jujulab from a checkout of its repository: make setup",
        )
    return root


@dataclass(frozen=True)
class Input:
    """A file that goes into a build, by its name there."""

    name: str
    data: bytes
    executable: bool = False


class _Builder:
    def __init__(self, client: docker.DockerClient, root: Path, progress: Progress) -> None:
        self._client = client
        self._root = root
        self._progress = progress
        self._lock = wheels.read_lock((root / "constraints.txt").read_text())
        self._digests: dict[str, str] = {}

    def ensure(self, name: str) -> None:
        recipe = RECIPES[name]
        files = list(_tree(self._root / "images" / name))
        sources = [
            Input(f"packages/{Path(package).name}/{item.name}", item.data)
            for package in recipe.packages
            for item in _tree(self._root / package)
        ]
        pins = self._pins(name)
        digest = inputs_digest(
            self._digests.get(recipe.parent or "", ""), [*files, *sources], [str(pin) for pin in pins]
        )
        self._digests[name] = digest
        old = self._find(name)
        if old is not None and old.labels.get(INPUTS_LABEL) == digest:
            return
        arguments = {"FROM": image_tag(recipe.parent) if recipe.parent else rootfs.ensure(self._client, self._progress)}
        if pins:
            self._progress(f"{_title(name)}: collecting {len(pins)} Python packages")
            machine = str(self._client.info()["Architecture"])
            collected = wheels.collect(pins, self._root / "build" / "wheels" / machine, machine)
            sources += [Input(f"wheels/{path}", data) for path, data in wheels.unpack(collected)]
        self._build(name, digest, arguments, [*files, *sources])
        if old is not None:
            # The one before has lost its tag; where a container still uses it, it stays.
            with suppress(APIError):
                self._client.images.remove(str(old.id))

    def _pins(self, name: str) -> list[wheels.Pin]:
        listed = self._root / "images" / name / "wheels.txt"
        return wheels.select(self._lock, wheels.read_names(listed.read_text())) if listed.exists() else []

    def _find(self, name: str) -> Image | None:
        try:
            return self._client.images.get(image_tag(name))
        except ImageNotFound:
            return None

    def _build(self, name: str, digest: str, arguments: dict[str, str], inputs: list[Input]) -> None:
        where = _title(name)
        self._progress(f"{where}: building")
        proxies = {key: value for key, value in os.environ.items() if key.lower() in PROXY_VARIABLES}
        with SpooledTemporaryFile(max_size=64 * 1024 * 1024) as context:
            write_context(context, inputs)
            context.seek(0)
            try:
                events = self._client.api.build(
                    fileobj=context,
                    custom_context=True,
                    tag=image_tag(name),
                    labels={INPUTS_LABEL: digest},
                    buildargs=proxies | arguments,
                    rm=True,
                    forcerm=True,
                    decode=True,
                )
                self._follow(where, events)
            except DockerException as error:
                raise JujulabError(f"cannot build the {where}: {error}") from error

    def _follow(self, where: str, events: Iterator[dict[str, Any]]) -> None:
        last_lines: list[str] = []
        for event in events:
            if "error" in event:
                said = " | ".join(last_lines[-3:])
                raise JujulabError(
                    f"cannot build the {where}: {event['error'].strip()}" + (f"; it said: {said}" if said else ""),
                    next_step="see whether the host reaches its package archive, then run the command again",
                )
            line = event.get("stream", "").strip()
            if step := _STEP_RE.match(line):
                self._progress(f"{where}: step {step[1]} of {step[2]}: {shorten(step[3], 60, placeholder=' ...')}")
                last_lines.clear()
            elif line:
                last_lines.append(line)


_STEP_RE = re.compile(r"Step (\d+)/(\d+) : (.*)", re.DOTALL)

# The engine knows these without a declaration, and keeps them out of the image.
PROXY_VARIABLES = ("http_proxy", "https_proxy", "no_proxy")


def inputs_digest(parent: str, files: list[Input], pins: list[str]) -> str:
    """The sha256 over all that an image is made from.

    Args:
        parent: The same of the image it is built on.
        files: What is copied in, and the recipe itself; their order does not matter.
        pins: The lock's entries of the packages in it.
    """
    digest = hashlib.sha256(f"{parent}\n".encode())
    for item in sorted(files, key=lambda item: item.name):
        content = hashlib.sha256(item.data).hexdigest()
        digest.update(f"{item.name}\0{int(item.executable)}\0{content}\n".encode())
    for pin in sorted(pins):
        digest.update(f"{pin}\n".encode())
    return digest.hexdigest()


def _tree(directory: Path) -> Iterator[Input]:
    for path in sorted(directory.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            executable = bool(path.stat().st_mode & 0o100)
            yield Input(str(path.relative_to(directory)), path.read_bytes(), executable)


def write_context(to: IO[bytes], inputs: list[Input]) -> None:
    """Writes the archive that the engine builds from; owners, modes and times are the same on every host."""
    with tarfile.open(fileobj=to, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for item in inputs:
            entry = tarfile.TarInfo(item.name)
            entry.size = len(item.data)
            entry.mode = 0o755 if item.executable else 0o644
            archive.addfile(entry, io.BytesIO(item.data))


def _title(name: str) -> str:
    return f"image {name} ({IMAGES.index(name) + 1} of {len(IMAGES)})"


def main() -> int:
    """``python -m jujulab.images``: builds what is missing or stale."""
    from jujulab.cli.steps import steps

    try:
        client = docker.from_env(timeout=600)
        try:
            with steps() as report:
                ensure_images(client, progress=report)
        finally:
            client.close()
    except DockerException:
        print("ERROR the Docker engine does not answer\nNext: run 'make setup'", file=sys.stderr)  # noqa: T201
        return HostError.exit_code
    except JujulabError as error:
        print(error.told(), file=sys.stderr)  # noqa: T201
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
