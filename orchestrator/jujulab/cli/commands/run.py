"""``run``, from Juju 3.0 on ``exec``."""

from __future__ import annotations

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import format_option, model_option


@juju_command(
    examples=[
        ("On one machine:", "jujulab run --machine 0 uptime"),
        ("On the machines of an application's units:", "jujulab run -a ubuntu -- df -h /var/lib/juju"),
        ("On all, for a program:", "jujulab run --all --format json hostname"),
    ],
    see_also=["ssh", "status"],
    aliases=["exec"],
    context_settings={"allow_interspersed_args": False},
)
@click.argument("words", nargs=-1, metavar="COMMAND...")
@model_option
@click.option("--all", "everywhere", is_flag=True, help="Run on all machines.")
@click.option("--machine", "machines", multiple=True, metavar="ID,..", help="Machines to run on.")
@click.option(
    "-a", "--application", "applications", multiple=True, metavar="NAME,..", help="Run on all units of these."
)
@click.option("-u", "--unit", "units", multiple=True, metavar="UNIT,..", help="Units to run on.")
@click.option("--timeout", "--wait", default="5m", show_default=True, metavar="TIME", help="How long to wait for each.")
@format_option("default", "yaml", "json")
def command(
    words: tuple[str, ...],
    model: str | None,
    everywhere: bool,
    machines: tuple[str, ...],
    applications: tuple[str, ...],
    units: tuple[str, ...],
    timeout: str,
    output_format: str,
) -> None:
    """Run a command, as root, on machines and on the machines of units.

    With one target its own output is shown and its exit code is this command's. With several, or with a format,
    the results are shown as data: Juju 2's form, or Juju 3's if the client's version is 3 (or the command's name is
    exec and a format is given).
    """
    from jujulab.cli import running
    from jujulab.cli.durations import seconds
    from jujulab.cli.fetch import full_status
    from jujulab.client_version import client_version
    from jujulab.session import connect_model
    from jujulab_core.errors import UsageError

    if not words:
        raise UsageError("no commands specified")
    limit = seconds(timeout)
    with connect_model(model) as session:
        wire = full_status(session)
        chosen = running.choose(
            wire,
            everywhere=everywhere,
            machines=running.split(machines),
            applications=running.split(applications),
            units=running.split(units),
        )
        lab = session.store.lab_dir(session.controller.region)
        is_new = client_version(session.store, session.controller.name).major >= 3
    results = running.run_on(lab, chosen, words, limit)
    if len(results) == 1 and output_format == "default":
        running.pass_on(results[0], limit)
    tree = running.tasks(results) if is_new else running.list_of(results)
    output.emit(tree, "yaml" if output_format == "default" else output_format)
    running.fail_if_any_did(results, limit, is_new=is_new)
