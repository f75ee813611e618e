"""``machines``."""

from __future__ import annotations

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import format_option, model_option, utc_option


@juju_command(
    examples=[("The current model's:", "jujulab machines"), ("For a program:", "jujulab machines --format json")],
    see_also=["status", "add-machine", "ssh"],
    aliases=["list-machines"],
)
@model_option
@format_option()
@utc_option
def command(model: str | None, output_format: str, utc: bool) -> None:
    """List the machines of a model, with their state, address, instance and series."""
    from jujulab.cli.fetch import full_status
    from jujulab.client_version import client_version
    from jujulab.session import connect_model
    from jujulab.status.text import machine_table
    from jujulab.status.times import TimeForm
    from jujulab.status.tree import Shape, build

    with connect_model(model) as session:
        wire = full_status(session)
        client = client_version(session.store, session.controller.name)
    shape = Shape((client.major, client.minor), TimeForm.choose(utc))
    tree = build(wire, session.controller.name, shape)
    data = {"model": tree["model"]["name"], "machines": tree["machines"]}
    output.emit(data, output_format, lambda: machine_table(tree["machines"], shape))
