"""What happens to whole labs: list, stop, start, remove."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import dataclass

from docker.models.containers import Container

from jujulab.lab import controllers, names, secrets
from jujulab.lab.engine import Engine, docker_errors, in_parallel
from jujulab.lab.ready import admin_client, wait_for_agents
from jujulab.store import Store
from jujulab_core.errors import JujulabError, UsageError
from jujulab_core.layout import STREAMS_URL
from jujulab_core.waiting import Deadline

# Those that others wait for come first when a lab starts, and last when it stops.
_ORDER = {names.STREAMS: 0, names.CONTROLLER: 1, names.ORCHESTRATOR: 2, names.MACHINE: 3}


@dataclass(frozen=True)
class Lab:
    """A lab as Docker knows it.

    Attributes:
        name: Its name.
        controller: Its controller's name.
        state: ``running``, ``stopped`` or ``partly running``.
        machines: How many machines it has, the controller's not counted.
        api: The address of its API on this host.
    """

    name: str
    controller: str
    state: str
    machines: int
    api: str


def labs(engine: Engine) -> list[Lab]:
    """All labs of this Docker engine, by name."""
    by_name: dict[str, list[Container]] = {}
    for container in engine.containers():
        if container.labels[names.LABEL_ROLE] != names.HELPER:
            by_name.setdefault(container.labels[names.LABEL_LAB], []).append(container)
    return [_lab(name, containers) for name, containers in sorted(by_name.items())]


def _lab(name: str, containers: list[Container]) -> Lab:
    running = sum(container.status == "running" for container in containers)
    state = "running" if running == len(containers) else "partly running" if running else "stopped"
    # One that runs: with several of them another may be off.
    own = [c for c in containers if c.labels[names.LABEL_ROLE] == names.CONTROLLER]
    controller = min(own, key=lambda c: (c.status != "running", int(c.labels[names.LABEL_MACHINE])), default=None)
    return Lab(
        name=name,
        controller=controller.labels.get(names.LABEL_CONTROLLER, "") if controller else "",
        state=state,
        machines=sum(c.labels[names.LABEL_ROLE] == names.MACHINE for c in containers),
        api=controllers.endpoint(controller) if controller else "",
    )


def choose(engine: Engine, wanted: str | None) -> str:
    """The lab that a command means; see :func:`pick`."""
    return pick(wanted, Store.default().labs(), engine.labs())


def pick(wanted: str | None, mine: Collection[str], there: Collection[str]) -> str:
    """The lab named, or the only one of this client store.

    A lab of another client store, which may be another person's, must be named.

    Args:
        wanted: The name that was given.
        mine: The labs of this client store.
        there: Those of the Docker engine.

    Raises:
        UsageError: There is none of that name, none at all, or several and none was named.
    """
    if wanted is not None:
        if wanted not in {*there, *mine}:
            raise UsageError(f'there is no lab "{wanted}"', next_step="see what there is with 'jujulab labs'")
        return wanted
    if len(mine) == 1:
        return next(iter(mine))
    if mine:
        raise UsageError(f"there are several labs: {', '.join(sorted(mine))}", next_step="name the one you mean")
    if there:
        others = ", ".join(sorted(there))
        raise UsageError(f"there is no lab of this client store, only {others}", next_step="name the one you mean")
    raise UsageError("there is no lab", next_step="make one with 'jujulab up'")


def remove(engine: Engine, lab: str) -> int:
    """Removes all of a lab: containers, volumes, networks, secrets, its entry in the client store.

    Returns:
        How many containers there were.
    """
    store = Store.default()
    controllers = [found.controller for found in labs(engine) if found.name == lab and found.controller]
    # A lab whose `up` was cut short may be in the store only.
    controllers += [name for name, entry in store.controllers().items() if entry.region == lab]
    count = engine.remove_lab(lab)
    for controller in dict.fromkeys(controllers):
        store.remove_controller(controller)
    store.remove_lab_dir(lab)
    return count


def stop(engine: Engine, lab: str) -> None:
    """Stops the containers of a lab; everything is kept."""

    def end(container: Container) -> None:
        with docker_errors(f"stop {container.name}"):
            container.stop(timeout=20)

    for group in reversed(_groups(engine, lab)):
        in_parallel(end, group)


def start(engine: Engine, lab: str, report: Callable[[str], None], off: Collection[str] = ()) -> None:
    """Starts the containers of a stopped lab.

    Args:
        engine: The engine.
        lab: Which.
        report: Told what is being done.
        off: The names of containers that a fault keeps off.
    """

    def begin(container: Container) -> None:
        if container.name not in off:
            with docker_errors(f"start {container.name}"):
                container.start()

    for group in _groups(engine, lab):
        report(f"starting the containers: {group[0].labels[names.LABEL_ROLE]}")
        in_parallel(begin, group)
    if (streams := engine.find(names.container(lab, names.STREAMS))) is not None:
        # Renews indices that expired while the lab was stopped.
        engine.run_in(streams, ["jujulab-publish", "init", "--url", STREAMS_URL])


def secrets_of(lab: str) -> secrets.Secrets:
    """The secrets of a lab of this client store.

    Raises:
        JujulabError: They are not here, or cannot be read.
    """
    store = Store.default()
    if lab not in store.labs():
        raise JujulabError(
            f'the secrets of lab "{lab}" are not in the client store {store.root}',
            next_step="set JUJULAB_DATA to the store that the lab was made with, "
            f"or remove the lab with `jujulab down {lab}`",
        )
    return secrets.load(store.lab_dir(lab), lab)


def wait_until_ready(engine: Engine, lab: str, timeout: float, report: Callable[[str], None]) -> None:
    """Waits until every agent of a lab has logged in.

    Raises:
        DeadlineError: Some had not, in time.
    """
    deadline = Deadline(timeout, f"look at 'jujulab labs' and run 'jujulab start {lab}' again")
    made = secrets_of(lab)
    found = next(entry for entry in labs(engine) if entry.name == lab)
    with closing(admin_client(found.api, made, None, deadline)) as client:
        models = client.call("ModelManager", "ListModels", {"tag": "user-admin"})["user-models"]
    for entry in models:
        with closing(admin_client(found.api, made, entry["model"]["uuid"], deadline)) as client:
            wait_for_agents(client, entry["model"]["name"], deadline, report)


def _groups(engine: Engine, lab: str) -> list[list[Container]]:
    containers = engine.containers(lab)
    if not any(container.labels[names.LABEL_ROLE] == names.CONTROLLER for container in containers):
        raise JujulabError(
            f'lab "{lab}" has no controller: it was never completely made, or lost it',
            next_step=f"make it with 'jujulab up', or remove it with 'jujulab down {lab}'",
        )
    groups: dict[int, list[Container]] = {}
    for container in containers:
        if container.labels[names.LABEL_ROLE] in _ORDER:
            groups.setdefault(_ORDER[container.labels[names.LABEL_ROLE]], []).append(container)
    return [groups[key] for key in sorted(groups)]
