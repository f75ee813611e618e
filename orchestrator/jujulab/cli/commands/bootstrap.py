"""``bootstrap``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.steps import steps
from jujulab.lab import labfile
from jujulab_core.errors import UsageError

if TYPE_CHECKING:
    from jujulab.lab.up import Moment

CLOUD = "docker"
# What Juju says while it makes a controller. A lab's is reached over the loopback.
_SAID: dict[Moment, str] = {
    "installing": "Installing Juju agent on bootstrap instance",
    "configuring": "Running machine configuration script...",
    "answering": "Bootstrap agent now started\nContacting Juju controller at 127.0.0.1 to verify accessibility...",
}


@juju_command(
    examples=[
        ("A controller of the version that `up` starts on:", "jujulab bootstrap docker aws"),
        (
            "On another version, which is found in another stream:",
            "jujulab bootstrap --agent-version 2.7-rc1 --config agent-stream=proposed docker",
        ),
        (
            "One that believes a mirror which is not signed:",
            "jujulab bootstrap --config allow-unsigned-metadata=true docker",
        ),
    ],
    see_also=["up", "add-model", "controllers", "controller-config", "down"],
)
@click.argument("cloud", metavar="docker[/LAB]")
@click.argument("name", required=False)
@click.option("--agent-version", metavar="VERSION", help=f"Version to start on. By default {labfile.DEFAULT_VERSION}.")
@click.option("--config", multiple=True, metavar="KEY=VALUE|FILE", help="Configuration, or a YAML file of it.")
@click.option("--no-switch", is_flag=True, help="Do not make the new controller the current one.")
@click.option("--timeout", type=click.FloatRange(1), default=600, show_default=True, help="Seconds for the whole.")
def command(
    cloud: str, name: str | None, agent_version: str | None, config: tuple[str, ...], no_switch: bool, timeout: float
) -> None:
    """Make a controller, without any machine.

    It is a lab of its own, with the models `controller` and `default`; add machines with `add-machine` or `deploy`, or
    make controller and machines at once with `up`. The lab is named after the controller unless `docker/LAB` names it.

    The configuration is the controller's, as `controller-config` shows it, and that of both models.
    """
    from jujulab.cli.keyvalues import parse
    from jujulab.client_version import claimed_version, host_binary
    from jujulab.lab.up import bring_up
    from jujulab.store import Store
    from jujulab_core.version import Number

    kind, _, region = cloud.partition("/")
    if kind != CLOUD:
        raise UsageError(f'unknown cloud "{kind}"', next_step=f"the cloud of a lab is `{CLOUD}`")
    controller = name or (f"{CLOUD}-{region}" if region else CLOUD)
    client = claimed_version()
    version = Number.parse(agent_version) if agent_version else client or Number.parse(labfile.DEFAULT_VERSION)
    if client is not None and (client.major, client.minor) != (version.major, version.minor):
        raise UsageError(f"this client can only bootstrap {client.major}.{client.minor} agents")
    spec = labfile.for_bootstrap(
        region or controller, controller, version, {key: str(value) for key, value in parse(config).items()}
    )
    if known := Store.default().controllers().get(controller):
        raise UsageError(
            f'controller "{controller}" already exists',
            next_step=f"choose another name, or remove it with `jujulab down {known.region}`",
        )
    output.info(f'Creating Juju controller "{controller}" on {CLOUD}/{spec.name}')
    output.info(f"Looking for packaged Juju agent version {version} for {host_binary(version).arch}")
    output.info(f"Launching controller instance(s) on {CLOUD}/{spec.name}...")
    current = Store.default().current_controller
    with steps() as report:
        bring_up(spec, report, timeout, lambda moment: output.info(_SAID[moment]))
    if no_switch and current is not None:
        Store.default().switch(current)
    available = "is now" if version >= Number(2, 8, 0) else "now is"
    output.info(f'Bootstrap complete, controller "{controller}" {available} available')
    output.info('Controller machines are in the "controller" model')
    output.info('Initial model "default" added')
