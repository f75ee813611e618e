"""Which upgrade steps there are, which of them an agent runs, and what they do (section G.3).

Every operation must be able to run again after a partial run: a failed step is tried again, and so is one
that was cut off.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from jujulab_agent import _release, defects, systemd
from jujulab_agent.host import Host, save_conf
from jujulab_core.agentconf import Value
from jujulab_core.errors import JujulabError
from jujulab_core.version import Number

Operation = Callable[[Host, dict[str, Value]], None]
CONTROLLER_JOB = "JobManageModel"
# The controller whose database leads.
DATABASE = "database-primary"
_ON_EVERY_MACHINE = frozenset({"all-machines", "host-machines"})


class Step(NamedTuple):
    """One operation, to be run when an agent of a target comes from below a version.

    Attributes:
        version: The version that the step came with.
        target: Whose agents run it: ``all-machines``, ``controllers``, ``database-primary``, ``host-machines``.
        description: What is logged.
        operation: What is done.
    """

    version: Number
    target: str
    description: str
    operation: Operation


def table() -> list[Step]:
    """The steps that this release knows, oldest first; those of its publisher come last in their version."""
    steps = [
        Step(Number.parse(version), target, description, _OPERATIONS[operation])
        for version, target, description, operation in _release.STEPS
    ]
    if defects.active("fail-upgrade-step"):
        steps.append(Step(Number.parse(_release.VERSION), "all-machines", "break on purpose", _fail))
    return steps


def targets(conf: dict[str, Value]) -> frozenset[str]:
    """The targets that a machine is, by its configuration: the controller of a lab also leads its database."""
    jobs = conf.get("jobs")
    if isinstance(jobs, list) and CONTROLLER_JOB in jobs:
        return _ON_EVERY_MACHINE | {"controllers", DATABASE}
    return _ON_EVERY_MACHINE


def select(steps: Iterable[Step], wanted: Collection[str], from_version: Number, to_version: Number) -> list[Step]:
    """The steps for these targets above one version and at most another, oldest first, builds ignored.

    Juju clears the tag of the version that it goes to, so that an alpha or beta runs the steps of its release.
    """
    low = from_version.without_build()
    high = Number(to_version.major, to_version.minor, to_version.patch)
    chosen = (step for step in steps if step.target in wanted and low < step.version.without_build() <= high)
    return sorted(chosen, key=lambda step: step.version)


def _nothing(*_: object) -> None:
    """The step changes what a lab does not have."""


def _fail(*_: object) -> None:
    raise JujulabError("this release cannot be upgraded to (defect fail-upgrade-step)")


def _move_services(*_: object) -> None:
    systemd.move_services_to_etc()


def _store_deployed_units(host: Host, conf: dict[str, Value]) -> None:
    names = sorted(name for name in os.listdir(f"{host.data_dir}/agents") if name.startswith("unit-"))
    values = conf.get("values")
    stored = dict(values) if isinstance(values, dict) else {}
    conf["values"] = stored | {"deployed-units": ",".join(names)}
    save_conf(host.data_dir, host.tag, conf)


_OPERATIONS: dict[str, Operation] = {
    "": _nothing,
    "move-services-to-etc": _move_services,
    "store-deployed-units": _store_deployed_units,
}
