"""``model-migrating``: a model's migration to another controller has begun and stands still."""

from __future__ import annotations

from pathlib import PurePosixPath

from docker.models.containers import Container

from jujulab.faults.files import read_file, remove_file, write_file
from jujulab.faults.model import Json, Keep, Kind, Record, Scene
from jujulab.faults.targets import Scope
from jujulab.lab import names
from jujulab_core.errors import JujulabError
from jujulab_core.layout import MIGRATING, STATE_DIR


def _inject(scene: Scene, record: Record, keep: Keep) -> tuple[str, ...]:
    state: Json = {}
    for name, target in record.on.items():
        state[name] = {"path": f"{STATE_DIR}/{MIGRATING}/{target.tag.removeprefix('model-')}"}
        keep(state)
        mode = record.options["mode"]
        write_file(_controller(scene), PurePosixPath(state[name]["path"]), f"{mode}\n".encode())
    return tuple(f"{name}: its migration mode is {record.options['mode']}" for name in record.on)


def _heal(scene: Scene, record: Record) -> None:
    for noted in record.state.values():
        path = PurePosixPath(noted["path"])
        if read_file(_controller(scene), path):
            remove_file(_controller(scene), path)


def _controller(scene: Scene) -> Container:
    """Any of the controllers, as they share their state; one that runs, if there is one."""
    found = sorted(scene.all_of(names.CONTROLLER), key=lambda container: container.status != "running")
    if not found:
        raise JujulabError(f'lab "{scene.lab}" has no controller', next_step="make it with `jujulab up`")
    return found[0]


KIND = Kind(
    "model-migrating",
    "The model's migration has begun and stands still: to another controller, or (mode=importing) to this one.",
    _inject,
    _heal,
    scopes=frozenset({Scope.MODEL}),
    options={"mode": "exporting"},
    allowed={"mode": ("exporting", "importing")},
)
