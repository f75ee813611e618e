"""``scp``."""

from __future__ import annotations

import os

import click

from jujulab.cli.framework import juju_command
from jujulab.cli.options import ignored_option, model_option


@juju_command(
    examples=[
        ("Fetch an agent's log:", "jujulab scp 0:/var/log/juju/machine-0.log ."),
        ("Bring a directory to where a unit is:", "jujulab scp -- -r ./files ubuntu/0:/tmp"),
    ],
    see_also=["ssh", "machines"],
)
@click.argument("arguments", nargs=-1, metavar="[-- OPTIONS] [USER@]MACHINE|UNIT:PATH... PATH")
@model_option
@click.option("--proxy", is_flag=True, help="As in Juju; a lab's machines are reached directly.")
@click.option(
    "--no-host-key-checks", is_flag=True, help="Take any host key: the one that the lab pinned is not asked for."
)
@ignored_option("--container", "NAME", "Container of a Kubernetes charm")
def command(arguments: tuple[str, ...], model: str | None, proxy: bool, no_host_key_checks: bool) -> None:
    """Copy files to and from machines.

    Options for scp itself stand behind `--`. One command copies to or from one machine.
    """
    from jujulab.cli import remote
    from jujulab.cli.fetch import full_status
    from jujulab.session import connect_model
    from jujulab_core.errors import UsageError

    places = [text for text in arguments if not text.startswith("-")]
    if len(places) < 2:
        raise UsageError("at least two arguments required", next_step="name what to copy, and where to")
    hosts = {text.partition(":")[0] for text in places if _is_remote(text)}
    if len(hosts) != 1:
        raise UsageError(
            "name a path on exactly one machine" if hosts else "no path on a machine is named",
            next_step="write it as MACHINE:PATH, such as 0:/tmp/file",
        )
    with connect_model(model) as session:
        where = remote.find(hosts.pop(), full_status(session))
        lab = session.store.lab_dir(session.controller.region)
    paths = [
        f"{where.user}@{where.address}:{text.partition(':')[2]}" if _is_remote(text) else text for text in arguments
    ]
    line = ["scp", *remote.options(lab, where.instance, host_key_checks=not no_host_key_checks), *paths]
    os.execvp(line[0], line)  # noqa: S606 - takes our place, so that signals and the exit code are its own


def _is_remote(text: str) -> bool:
    host, colon, _ = text.partition(":")
    return bool(colon) and not text.startswith(("-", ".")) and (host[-1:].isdigit())
