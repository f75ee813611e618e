"""``labs``."""

from __future__ import annotations

from dataclasses import asdict

from jujulab.cli import output, table
from jujulab.cli.framework import juju_command
from jujulab.cli.options import format_option


@juju_command(examples=[("All labs of this host:", "jujulab labs")], see_also=["up", "down", "controllers"])
@format_option()
def command(output_format: str) -> None:
    """List the labs of this host's Docker engine."""
    from jujulab.lab import lifecycle
    from jujulab.lab.engine import Engine

    with Engine() as engine:
        found = lifecycle.labs(engine)
    if not found and output_format == "tabular":
        output.info("There is no lab.")
        output.info("Next: jujulab up")
        return
    rows = [(lab.name, lab.controller, lab.state, str(lab.machines), lab.api) for lab in found]
    output.emit(
        {"labs": {lab.name: {key: value for key, value in asdict(lab).items() if key != "name"} for lab in found}},
        output_format,
        lambda: table.render(("Lab", "Controller", "State", "Machines", "API"), rows, right=("Machines",)),
    )
