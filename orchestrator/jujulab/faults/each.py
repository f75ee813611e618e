"""Kinds that hit parts of the lab, one by one: what is done to one target, made into what is done to all."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jujulab.faults.model import Json, Keep, Record, Scene
from jujulab.faults.targets import Target

Note = Callable[[Json], None]
Break = Callable[[Scene, Target, Mapping[str, str], Note], str]
Mend = Callable[[Scene, Target, Mapping[str, str], Json], None]


def inject_each(one: Break) -> Callable[[Scene, Record, Keep], tuple[str, ...]]:
    """Breaks every target in turn. What one of them notes down is told apart from the others' by its name."""

    def inject(scene: Scene, record: Record, keep: Keep) -> tuple[str, ...]:
        state: Json = {}
        did = []
        for name, target in record.on.items():

            def note(noted: Json, name: str = name) -> None:
                state[name] = noted
                keep(state)

            did.append(f"{name}: {one(scene, target, record.options, note)}")
        return tuple(did)

    return inject


def heal_each(one: Mend) -> Callable[[Scene, Record], None]:
    """Mends every target that something was noted of; a container that is gone needs no mending."""

    def heal(scene: Scene, record: Record) -> None:
        for name, noted in record.state.items():
            target = record.on[name]
            if scene.engine.find(target.container) is not None:
                one(scene, target, record.options, noted)

    return heal


def again_each(one: Mend) -> Callable[[Scene, Record], None]:
    """Breaks every target once more that something was noted of and that runs."""

    def again(scene: Scene, record: Record) -> None:
        for name, noted in record.state.items():
            container = scene.engine.find(record.on[name].container)
            if container is not None and container.status == "running":
                one(scene, record.on[name], record.options, noted)

    return again
