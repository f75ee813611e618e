"""Agent binaries as faults hit them, on the internet or in the controller's cache.

They are found by version, changed, and put back if they are still as we left them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from docker.models.containers import Container

from jujulab.faults.files import read_file, remove_file, write_file
from jujulab.faults.model import Json, Keep, Record, Scene
from jujulab.lab import names, publish
from jujulab_core.errors import JujulabError

_KEPT = PurePosixPath("/var/lib/jujulab/fault-files")


@dataclass(frozen=True)
class Place:
    """Where tarballs are.

    Attributes:
        role: Of the container that has them.
        what: For messages.
        root: The directory.
        key: The key of a published binary's entry with the path below the directory.
        step: What to do when one is not there.
    """

    role: str
    what: str
    root: PurePosixPath
    key: str
    step: str


INTERNET = Place(
    names.STREAMS, "the internet", PurePosixPath("/srv/streams/juju/tools"), "path", "put it there: `jujulab publish`"
)
CACHE = Place(
    names.CONTROLLER,
    "the controller's cache",
    PurePosixPath("/var/lib/juju/db/binaries/blobs"),
    "sha256",
    "put it there: `jujulab sync-agent-binaries`",
)


def change(
    scene: Scene, record: Record, keep: Keep, how: Callable[[bytes], bytes | None], place: Place = INTERNET
) -> list[str]:
    """Changes the tarballs that the targets name, or removes those of which `how` leaves None; originals are kept.

    Returns:
        The paths of the tarballs.

    Raises:
        JujulabError: There is no such binary.
    """
    container = _container(scene, place)
    state: Json = {"files": []}
    found = _paths(scene, record.targets, place)
    originals = {path: read_file(container, place.root / path) for path in found}
    for path, good in originals.items():
        if not good:
            raise JujulabError(f"{place.what} does not have {found[path]}", next_step=place.step)
    for path, good in originals.items():
        bad = how(good)
        copy = _KEPT / str(record.id) / path
        write_file(container, copy, good)
        # A file that is not there reads as an empty one.
        state["files"].append({"path": path, "copy": str(copy), "bad": hashlib.sha256(bad or b"").hexdigest()})
        keep(state)
        if bad is None:
            scene.engine.run_in(container, ["rm", "-f", str(place.root / path)])
        else:
            write_file(container, place.root / path, bad)
    return list(found)


def restore(scene: Scene, record: Record, place: Place = INTERNET) -> None:
    """Puts the originals back, but not over what came since."""
    container = _container(scene, place)
    for file in record.state.get("files", ()):
        path, copy = place.root / file["path"], PurePosixPath(file["copy"])
        if hashlib.sha256(read_file(container, path)).hexdigest() == file["bad"]:
            write_file(container, path, read_file(container, copy))
        remove_file(container, copy)


def _container(scene: Scene, place: Place) -> Container:
    found = scene.all_of(place.role)
    if not found:
        raise JujulabError(f'lab "{scene.lab}" lacks {place.what}', next_step="make it with `jujulab up`")
    # Several controllers have the same cache; one that runs can be asked.
    return min(found, key=lambda container: container.status != "running")


def _paths(scene: Scene, targets: tuple[str, ...], place: Place) -> dict[str, str]:
    """The binaries that the targets name, by path."""
    offered = publish.offered(scene.engine, scene.lab)
    paths: dict[str, str] = {}
    for target in targets:
        found = [entry for entry in offered if _is(entry, target)]
        if not found:
            raise JujulabError(
                f"the internet does not offer {target}", next_step="see what it does with `jujulab streams`"
            )
        paths |= {str(entry[place.key]): str(entry["binary"]) for entry in found}
    return paths


def _is(entry: dict[str, Any], target: str) -> bool:
    # 2.6.10 means all of its binaries, 2.6.10-bionic-amd64 the one.
    binary = str(entry["binary"])
    return target in (binary, binary.rsplit("-", 2)[0])
