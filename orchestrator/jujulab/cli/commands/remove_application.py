"""``remove-application``."""

from __future__ import annotations

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import model_option, removal_options


@juju_command(
    examples=[("An application with all its units:", "jujulab remove-application ubuntu")],
    see_also=["deploy", "remove-unit"],
)
@click.argument("applications", nargs=-1, metavar="APPLICATION...")
@model_option
@removal_options
def command(
    applications: tuple[str, ...],
    model: str | None,
    force: bool,
    destroy_storage: bool,
    no_wait: bool,
    no_prompt: bool,
) -> None:
    """Remove applications from a model, with their units. The machines stay."""
    from jujulab.session import connect_model
    from jujulab_core.errors import UsageError
    from jujulab_core.rpc.results import check_all
    from jujulab_core.tags import APPLICATION_RE

    if not applications:
        raise UsageError("no application specified")
    for name in applications:
        if not APPLICATION_RE.fullmatch(name):
            raise UsageError(f'invalid application name "{name}"')
    params = [
        {"application-tag": f"application-{name}", "destroy-storage": destroy_storage, "force": force}
        for name in applications
    ]
    with connect_model(model) as session:
        answer = session.model_client().call("Application", "DestroyApplication", {"applications": params})
    # Told also where another application was refused.
    for name, result in zip(applications, answer["results"], strict=True):
        if not result.get("error"):
            output.info(f"removing application {name}")
    check_all(answer)
