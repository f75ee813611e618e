"""``destroy-model``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command

if TYPE_CHECKING:
    from jujulab.session import Model, Session
    from jujulab_core.waiting import Deadline

WARNING = """\
WARNING! This command will destroy the "{name}" model.
This includes all machines, applications, data and other resources.
"""


@juju_command(
    examples=[
        ("After a question:", "jujulab destroy-model staging"),
        ("Without one:", "jujulab destroy-model staging -y"),
    ],
    see_also=["add-model", "models", "down"],
)
@click.argument("name", metavar="[CONTROLLER:]MODEL")
@click.option("-y", "--yes", "--no-prompt", is_flag=True, help="Do not ask for confirmation.")
@click.option("--destroy-storage", is_flag=True, help="Destroy storage as well; a lab's models have none.")
@click.option("--release-storage", is_flag=True, help="Release storage; a lab's models have none.")
@click.option("--force", is_flag=True, help="Do not stop at errors.")
@click.option("--no-wait", is_flag=True, help="With --force: do not wait between steps.")
@click.option("-t", "--timeout", default="10m", show_default=True, metavar="TIME", help="When to stop waiting.")
def command(
    name: str, yes: bool, destroy_storage: bool, release_storage: bool, force: bool, no_wait: bool, timeout: str
) -> None:
    """Remove a model and everything in it: applications, machines and their containers."""
    from jujulab.cli.confirm import confirmed
    from jujulab.cli.durations import seconds
    from jujulab.session import connect_model
    from jujulab_core.errors import JujulabError, UsageError
    from jujulab_core.rpc.results import check_all
    from jujulab_core.waiting import Deadline

    if destroy_storage and release_storage:
        raise UsageError("--destroy-storage and --release-storage cannot both be specified")
    deadline = Deadline(seconds(timeout))
    with connect_model(name) as session:
        model = session.model()
        if model.full_name == "admin/controller":
            controller = session.controller.name
            raise JujulabError(
                f"\"{controller}\" is a controller; use 'juju destroy-controller' to destroy it",
                next_step=f"remove the whole lab with `jujulab down {session.controller.region}`",
            )
        if not yes and not confirmed(WARNING.format(name=model.name)):
            raise JujulabError("model destruction aborted")
        target = {"model-tag": model.tag, "destroy-storage": destroy_storage or None, "force": force or None}
        answer = session.client.call("ModelManager", "DestroyModels", {"models": [target]})
        check_all(answer)
        output.info("Destroying model")
        _wait_until_gone(session, model, deadline)
        session.refresh_models()
    output.info("Model destroyed.")


def _wait_until_gone(session: Session, model: Model, deadline: Deadline) -> None:
    from jujulab.cli.provisioning import provision
    from jujulab_core.waiting import wait_for

    def probe() -> tuple[bool | None, str]:
        gone = model.uuid not in session.refresh_models().values()
        return gone or None, f"model {model.full_name} to be removed"

    provision(session)
    wait_for(probe, deadline)
