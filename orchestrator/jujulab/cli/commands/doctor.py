"""``doctor``."""

from __future__ import annotations

from dataclasses import asdict

import click

from jujulab.cli import output, table
from jujulab.cli.framework import juju_command
from jujulab.cli.options import format_option

COLOURS = {"ok": "green", "warn": "yellow", "missing": "red"}


@juju_command(
    examples=[
        ("Look at this host:", "jujulab doctor"),
        ("Raise the kernel's limits that are too low, as root:", "jujulab doctor --fix"),
    ],
    see_also=["up"],
)
@click.option("--fix", is_flag=True, help="Mend what can be mended from here: the kernel's inotify limit, as root.")
@format_option()
def command(fix: bool, output_format: str) -> None:
    """Find out whether this host can run a lab, and mend it.

    Looks at the Docker engine, cgroups, inotify, disk, memory, networks and the SSH client. A state of "warn" means
    that a lab runs, but not with everything; "missing" means that no lab can run, and ends with exit code 6.
    """
    from jujulab import host, host_probes
    from jujulab_core.errors import HostError

    if fix and host_probes.raise_inotify_instances():
        output.info(f"raised fs.inotify.max_user_instances to {host.INOTIFY_WANTED}")
    probes = host.examine(host_probes.gather())
    output.emit(
        {"probes": [asdict(probe) for probe in probes]},
        output_format,
        lambda: table.render(
            ("Probe", "State", "Detail", "How to mend"),
            [(probe.name, (probe.state, COLOURS[probe.state]), probe.detail, probe.mend) for probe in probes],
        ),
    )
    missing = [probe for probe in probes if probe.state == "missing"]
    if missing:
        names = ", ".join(probe.name for probe in missing)
        raise HostError(f"this host cannot run a lab: {names}", next_step=missing[0].mend)
