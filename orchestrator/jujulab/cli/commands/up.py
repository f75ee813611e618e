"""``up``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.steps import steps
from jujulab.lab import labfile
from jujulab_core.errors import UsageError
from jujulab_core.version import Number

if TYPE_CHECKING:
    from jujulab.lab.labspec import LabSpec
    from jujulab.store import Store


@juju_command(
    examples=[
        ("A controller and three machines:", "jujulab up"),
        ("What a file describes:", "jujulab up demo.yaml"),
        (
            "Five machines with a unit each, on an older version:",
            "jujulab up --agent-version 2.6.4 --machines 5 --units 5",
        ),
    ],
    see_also=["status", "labs", "down", "doctor"],
)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--name", metavar="LAB", help="Name of the lab. By default `lab`.")
@click.option("--controller", metavar="NAME", help="Name of the controller. By default the lab's name.")
@click.option("--agent-version", metavar="VERSION", help=f"Version to start on. By default {labfile.DEFAULT_VERSION}.")
@click.option(
    "--machines", type=click.IntRange(0, 1000), help="Machines of the model `default`. By default 3 in a new lab."
)
@click.option(
    "--units", type=click.IntRange(0, 1000), help="Units of an application `ubuntu` on them. By default none."
)
@click.option("--timeout", type=click.FloatRange(1), default=600, show_default=True, help="Seconds for the whole.")
def command(
    file: Path | None,
    name: str | None,
    controller: str | None,
    agent_version: str | None,
    machines: int | None,
    units: int | None,
    timeout: float,
) -> None:
    """Make a lab, or bring an existing one to what is described.

    A lab is a controller, the machines of its models, an orchestrator that carries out upgrades, and a server that
    plays the internet. It is described by a lab file or by the options, not by both. What is there already is left
    alone and what is missing is added, so an interrupted `up` goes on when it is run again. The command returns when
    every agent has logged in. Nothing is taken away, and what no option speaks of stays as it is.
    """
    from jujulab.lab.up import bring_up
    from jujulab.lab.users import user_dir
    from jujulab.store import Store

    store = Store.default()
    flags = (name, controller, agent_version, machines, units)
    if file is not None and any(flag is not None for flag in flags):
        raise UsageError("give a lab file or options that describe a lab, not both")
    if file is not None:
        spec = labfile.read(file)
    else:
        spec = _from_flags(store, name or "lab", controller, agent_version, machines, units or 0)
    is_new = spec.name not in store.labs()
    with steps() as report:
        bring_up(spec, report, timeout)
    size = f", {_count(spec.machine_count)}" if is_new or file is not None or machines is not None else ""
    output.info(f'lab "{spec.name}" is up: controller "{spec.controller}"{size}')
    for user in spec.users:
        data = user_dir(store.lab_dir(spec.name), user.name)
        output.info(f'you are user "{user.name}" with JUJULAB_DATA={data}; the password is in accounts.yaml there')
    output.info("Next: jujulab status")


def _from_flags(
    store: Store, lab: str, controller: str | None, agent_version: str | None, machines: int | None, units: int
) -> LabSpec:
    """The lab of the options; what they leave open is in a lab that is there as it is."""
    there = next((known for known in store.controllers().values() if known.region == lab), None)
    if there is None:
        return labfile.from_flags(lab, controller or "", agent_version or labfile.DEFAULT_VERSION, machines, units)
    if agent_version and Number.parse(agent_version) != Number.parse(there.agent_version):
        output.info(
            f'lab "{lab}" is there already, with a controller of {there.agent_version}: --agent-version is what a new '
            "lab starts on\nNext: jujulab upgrade-controller"
        )
    return labfile.from_flags(lab, controller or there.name, there.agent_version, machines, units)


def _count(machines: int) -> str:
    return "1 machine" if machines == 1 else f"{machines} machines"
