"""The internet's indices as faults hit them: written anew, by its publisher, in a way that nobody should believe."""

from __future__ import annotations

from jujulab.faults.model import Record, Scene
from jujulab.lab import names
from jujulab_core.errors import JujulabError


def restamp(scene: Scene, *flags: str) -> None:
    """Writes the indices anew; without flags as they should be.

    Raises:
        JujulabError: The internet does not run.
    """
    container = scene.engine.find(scene.name(names.STREAMS))
    if container is None or container.status != "running":
        raise JujulabError(
            f'the internet of lab "{scene.lab}" does not run', next_step=f"start it with `jujulab start {scene.lab}`"
        )
    scene.engine.run_in(container, ["jujulab-publish", "restamp", *flags])


def renew(scene: Scene, _record: Record) -> None:
    """Mends the indices."""
    restamp(scene)
