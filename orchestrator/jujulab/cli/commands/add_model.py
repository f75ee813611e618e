"""``add-model``."""

from __future__ import annotations

from typing import Any

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import controller_option


@juju_command(
    examples=[
        ("A model, which becomes the current one:", "jujulab add-model staging"),
        ("With a configuration:", "jujulab add-model staging --config agent-stream=proposed"),
    ],
    see_also=["models", "destroy-model", "model-config", "switch"],
)
@click.argument("name")
@click.argument("cloud", required=False, metavar="[CLOUD|REGION|CLOUD/REGION]")
@controller_option
@click.option("--config", multiple=True, metavar="KEY=VALUE|FILE", help="Configuration, or a YAML file of it.")
@click.option("--credential", metavar="NAME", help="Credential for the cloud; a lab's cloud needs none.")
@click.option("--owner", metavar="USER", help="The owner, if it is not you.")
@click.option("--no-switch", is_flag=True, help="Do not make it the current model.")
def command(
    name: str,
    cloud: str | None,
    controller: str | None,
    config: tuple[str, ...],
    credential: str | None,
    owner: str | None,
    no_switch: bool,
) -> None:
    """Add a model to a controller.

    It starts at the controller's version, and becomes the current model unless told otherwise.
    """
    from jujulab.cli.keyvalues import parse
    from jujulab.session import connect_controller
    from jujulab_core.errors import UsageError
    from jujulab_core.tags import MODEL_RE

    if not MODEL_RE.fullmatch(name):
        raise UsageError(
            f'"{name}" is not a valid name: model names may only contain lowercase letters, digits and hyphens'
        )
    values = parse(config)
    with connect_controller(controller) as session:
        user = owner or session.account.user
        cloud_name, region = _cloud(cloud, session.controller.cloud, session.controller.region)
        params: dict[str, Any] = {
            "name": name,
            "owner-tag": f"user-{user}",
            "qualifier": user,
            "cloud-tag": f"cloud-{cloud_name}",
            "region": region,
            "config": values,
        }
        if credential:
            params["credential"] = f"cloudcred-{cloud_name}_{user}_{credential}"
        made = session.client.call("ModelManager", "CreateModel", params)
        session.refresh_models()
        where = "/".join(filter(None, (cloud_name, region)))
        which = f" with credential '{credential}'" if credential else ""
        output.info(f"Added '{made.get('name', name)}' model on {where}{which} for user '{user}'")
        if not no_switch and user == session.account.user:
            session.store.switch(session.controller.name, session.full_name(name))


def _cloud(text: str | None, cloud: str, region: str) -> tuple[str, str]:
    if not text or text in (cloud, region):
        return cloud, region
    named, slash, part = text.partition("/")
    return (named, part) if slash else (named, "")
