"""Making the containers that the controller wants, behind the commands that ask it for machines."""

from __future__ import annotations

from jujulab.cli import output
from jujulab.session import Session


def provision(session: Session) -> None:
    """Makes and removes containers until they are what the controller wants.

    Only a superuser may; for others the machines stay pending until a superuser's next command.
    """
    if not session.is_superuser:
        output.info("The machine is pending: the lab's operator makes it with any command that adds machines.")
        return
    from jujulab.lab.provision import provision_pending

    provision_pending(session.client, session.controller.name, output.info)
