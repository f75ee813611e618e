"""The parts of a lab that a fault can hit, as the user names them, and what they stand for in Docker.

Nothing is asked of the controller, which may be what is broken: machines are known by their containers' labels, units
by the directories of their agents.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from docker.errors import APIError
from docker.models.containers import Container

from jujulab.lab import controllers, names
from jujulab.lab.engine import Engine, docker_errors
from jujulab.store import Store
from jujulab_core import layout, tags
from jujulab_core.errors import UsageError


class Scope(StrEnum):
    """What a target is. The texts are shown to users."""

    MACHINE = "a machine (machine-2)"
    AGENT = "an agent (machine-2, ubuntu/0)"
    CONTROLLER = "controller"
    ORCHESTRATOR = "orchestrator"
    MODEL = "a model (default)"


@dataclass(frozen=True)
class Target:
    """A part of a lab.

    Attributes:
        container: Its container's name.
        tag: The tag of the agent, or of the model, that is meant; empty where there is none.
    """

    container: str
    tag: str = ""

    @property
    def service(self) -> str:
        """The systemd service of the agent."""
        return layout.agent_service(self.tag) + ".service"


_WORD_RE = re.compile(rf"(?:(?P<model>[^:]+):)?(?:(?:machine-)?(?P<machine>\d+)|(?P<unit>{tags.UNIT_RE.pattern}))")


def resolve(engine: Engine, lab: str, controller: str, word: str, scopes: frozenset[Scope]) -> tuple[str, Target]:
    """Finds what a word means.

    Args:
        engine: The engine.
        lab: The lab's name.
        controller: Its controller's name; the store knows its models by it.
        word: ``machine-2``, ``default:machine-2``, ``2``, ``ubuntu/0`` (its agent; where machines are broken, its
            machine), ``controller``, ``orchestrator``; ``controller:machine-1`` where there are several.
        scopes: What may be meant.

    Returns:
        The target's full name, such as ``default:machine-2``, and the target.

    Raises:
        UsageError: It means nothing, or nothing that may be meant; says what would do.
    """
    possible = f"its targets are: {', '.join(scope.value for scope in Scope if scope in scopes)}"
    for scope in (Scope.CONTROLLER, Scope.ORCHESTRATOR):
        if word == scope.value:
            if scope not in scopes:
                raise UsageError(f"this cannot be done to the {word}", next_step=possible)
            return word, _part(engine, lab, scope)
    if Scope.MODEL in scopes:
        model, uuid = _model(controller, word)
        return model, Target(_part(engine, lab, Scope.CONTROLLER).container, f"model-{uuid}")
    match = _WORD_RE.fullmatch(word)
    if match is None or not scopes & {Scope.MACHINE, Scope.AGENT, Scope.CONTROLLER}:
        raise UsageError(f'"{word}" cannot be a target here', next_step=possible)
    model, uuid = _model(controller, match["model"])
    # What can be done to controllers only, or to all others only, is done to no other machine.
    roles = [names.MACHINE] if scopes & {Scope.MACHINE, Scope.AGENT} else []
    roles += [names.CONTROLLER] if Scope.CONTROLLER in scopes else []
    machines = {
        container.labels[names.LABEL_MACHINE]: container
        for role in roles
        for container in engine.containers(lab, role)
        if container.labels[names.LABEL_MODEL] == uuid
    }
    if match["machine"]:
        tag = tags.machine_tag(match["machine"])
        if match["machine"] not in machines:
            raise UsageError(f"there is no {tag} in model {model}", next_step=_possible(machines))
        return f"{model}:{tag}", Target(str(machines[match["machine"]].name), tag)
    for number, container in sorted(machines.items()):
        if _has_agent(container, tags.unit_tag(match["unit"])):
            if Scope.AGENT in scopes:
                return f"{model}:{match['unit']}", Target(str(container.name), tags.unit_tag(match["unit"]))
            tag = tags.machine_tag(number)
            return f"{model}:{tag}", Target(str(container.name), tag)
    raise UsageError(f"there is no unit {match['unit']} in model {model}", next_step="see `jujulab status`")


def _part(engine: Engine, lab: str, scope: Scope) -> Target:
    if scope is Scope.ORCHESTRATOR:
        return Target(names.container(lab, names.ORCHESTRATOR))
    there = controllers.of_lab(engine, lab)
    if not there:
        return Target(names.container(lab, names.CONTROLLER), "machine-0")
    # The first one, where there are several; the others are named by their machines.
    return Target(str(there[0].name), tags.machine_tag(there[0].labels[names.LABEL_MACHINE]))


def _model(controller: str, wanted: str | None) -> tuple[str, str]:
    """The name, without its owner, and the UUID of the model that is named or in focus."""
    store = Store.default()
    known = store.models(controller)
    current = store.current_model(controller)
    if wanted is None and current is None:
        raise UsageError("no model in focus", next_step="name the machine with its model: default:machine-2")
    name = wanted or str(current)
    found = {full: uuid for full, uuid in known.items() if name in (full, full.rpartition("/")[2])}
    if len(found) != 1:
        raise UsageError(
            f'there is no model "{name}" here', next_step=f"the models are: {', '.join(known)}; see `jujulab models`"
        )
    full, uuid = found.popitem()
    return full.rpartition("/")[2], uuid


def _possible(machines: Mapping[str, Container]) -> str:
    if not machines:
        return "the model has no machines: `jujulab add-machine` makes one"
    return f"the machines are: {', '.join(sorted(map(tags.machine_tag, machines)))}"


def _has_agent(container: Container, tag: str) -> bool:
    # A container need not run for this.
    with docker_errors(f"look into {container.name}"), suppress(APIError):
        stream, _ = container.get_archive(f"{layout.tools_link(layout.DATA_DIR, tag)}")
        for _chunk in stream:
            return True
    return False
