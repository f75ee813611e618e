"""``ssh``."""

from __future__ import annotations

import os

import click

from jujulab.cli.framework import juju_command
from jujulab.cli.options import ignored_option, model_option


@juju_command(
    examples=[
        ("Log in to machine 0:", "jujulab ssh 0"),
        ("Where a unit's agent leads to:", "jujulab ssh ubuntu/0 readlink /var/lib/juju/tools/unit-ubuntu-0"),
        ("Restart the agent of the controller:", "jujulab ssh -m controller 0 sudo systemctl restart jujud-machine-0"),
    ],
    see_also=["scp", "machines", "debug-log"],
    context_settings={"allow_interspersed_args": False},
)
@click.argument("target", metavar="[USER@]MACHINE|UNIT")
@click.argument("remote_command", nargs=-1, metavar="[COMMAND]...")
@model_option
@click.option("--pty/--no-pty", default=None, help="Force a terminal, or none.")
@click.option("--proxy", is_flag=True, help="As in Juju; a lab's machines are reached directly.")
@click.option(
    "--no-host-key-checks", is_flag=True, help="Take any host key: the one that the lab pinned is not asked for."
)
@ignored_option("--container", "NAME", "Container of a Kubernetes charm")
def command(
    target: str,
    remote_command: tuple[str, ...],
    model: str | None,
    pty: bool | None,
    proxy: bool,
    no_host_key_checks: bool,
) -> None:
    """Log in to a machine, or run a command on it.

    The user is `ubuntu`, who may use sudo. The key is the lab's own, and the machine's host key must be the one that
    the lab made for it, unless --no-host-key-checks is given; your own keys, agent, configuration and known hosts are
    neither used nor changed. The exit code is that of the remote command. Options of this command stand before the
    target.
    """
    from jujulab.cli import remote
    from jujulab.cli.fetch import full_status
    from jujulab.session import connect_model

    with connect_model(model) as session:
        where = remote.find(target, full_status(session))
        lab = session.store.lab_dir(session.controller.region)
    line = remote.ssh_line(lab, where, remote_command, pty=pty, host_key_checks=not no_host_key_checks)
    os.execvp(line[0], line)  # noqa: S606 - takes our place, so that signals and the exit code are its own
