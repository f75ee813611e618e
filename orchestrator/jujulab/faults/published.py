"""Published agent binaries as faults hit them: found by version, changed, and put back if still as we left them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from docker.models.containers import Container

from jujulab.faults.files import read_file, remove_file, write_file
from jujulab.faults.model import Json, Keep, Record, Scene
from jujulab.lab import names, publish
from jujulab_core.errors import JujulabError

ROOT = PurePosixPath("/srv/streams/juju/tools")
_KEPT = PurePosixPath("/var/lib/jujulab/fault-files")


def change(scene: Scene, record: Record, keep: Keep, how: Callable[[bytes], bytes | None]) -> list[str]:
    """Changes the tarballs that the targets name, or removes those of which `how` leaves None; originals are kept.

    Returns:
        The paths of the tarballs.

    Raises:
        JujulabError: The internet offers no such binary.
    """
    container = _container(scene)
    state: Json = {"files": []}
    paths = _paths(scene, record.targets)
    for path in paths:
        good = read_file(container, ROOT / path)
        bad = how(good)
        copy = _KEPT / str(record.id) / path
        write_file(container, copy, good)
        # A file that is not there reads as an empty one.
        state["files"].append({"path": path, "copy": str(copy), "bad": hashlib.sha256(bad or b"").hexdigest()})
        keep(state)
        if bad is None:
            scene.engine.run_in(container, ["rm", "-f", str(ROOT / path)])
        else:
            write_file(container, ROOT / path, bad)
    return paths


def restore(scene: Scene, record: Record) -> None:
    """Puts the originals back, but not over what was published since."""
    container = _container(scene)
    for file in record.state.get("files", ()):
        path, copy = ROOT / file["path"], PurePosixPath(file["copy"])
        if hashlib.sha256(read_file(container, path)).hexdigest() == file["bad"]:
            write_file(container, path, read_file(container, copy))
        remove_file(container, copy)


def _container(scene: Scene) -> Container:
    container = scene.engine.find(scene.name(names.STREAMS))
    if container is None:
        raise JujulabError(f'lab "{scene.lab}" has no internet', next_step="make it with `jujulab up`")
    return container


def _paths(scene: Scene, targets: tuple[str, ...]) -> list[str]:
    offered = publish.offered(scene.engine, scene.lab)
    paths: dict[str, None] = {}
    for target in targets:
        found = [entry for entry in offered if _is(entry, target)]
        if not found:
            raise JujulabError(
                f"the internet does not offer {target}", next_step="see what it does with `jujulab streams`"
            )
        paths |= dict.fromkeys(str(entry["path"]) for entry in found)
    return list(paths)


def _is(entry: dict[str, Any], target: str) -> bool:
    # 2.6.10 means all of its binaries, 2.6.10-bionic-amd64 the one.
    binary = str(entry["binary"])
    return target in (binary, binary.rsplit("-", 2)[0])
