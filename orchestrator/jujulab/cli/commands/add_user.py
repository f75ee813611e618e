"""``add-user``."""

from __future__ import annotations

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import controller_option


@juju_command(
    examples=[
        ("A user who registers with the line that is printed:", "jujulab add-user bob"),
        ("With a name for people:", 'jujulab add-user bob "Bob Brown"'),
    ],
    see_also=["register", "grant", "users", "change-user-password"],
)
@click.argument("name")
@click.argument("display_name", required=False, default="", metavar="[DISPLAY NAME]")
@controller_option
def command(name: str, display_name: str, controller: str | None) -> None:
    """Add a user to a controller.

    The user may log in and do nothing else until `grant` says so. The command prints a line to send to the user, who
    sets a password with it. The line is as good as a password, and good once.
    """
    import base64

    from jujulab.registration import Token
    from jujulab.session import connect_controller
    from jujulab_core.rpc.results import check_all

    with connect_controller(controller) as session:
        params = {"users": [{"username": name, "display-name": display_name}]}
        (added,) = check_all(session.client.call("UserManager", "AddUser", params))
        found = session.controller
        token = Token(
            user=name,
            secret=base64.b64decode(added["secret-key"]).decode(),
            controller=found.name,
            uuid=found.uuid,
            endpoints=list(found.endpoints),
            ca_cert=found.ca_cert,
            cloud=found.cloud,
            region=found.region,
            agent_version=found.agent_version,
        )
    shown = f"{display_name} ({name})" if display_name else name
    output.data(f'User "{shown}" added\nPlease send this command to {name}:\n    jujulab register {token.encode()}\n')
    output.data(f'"{shown}" has not been granted access to any models. You can use "jujulab grant" to grant access.')
