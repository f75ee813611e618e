"""``model-constraints``."""

from __future__ import annotations

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import format_option, model_option


@juju_command(
    examples=[("Those of the current model:", "jujulab model-constraints")],
    see_also=["set-model-constraints", "model-config"],
    aliases=["get-model-constraints"],
)
@model_option
@format_option()
def command(model: str | None, output_format: str) -> None:
    """Show the constraints that new machines of a model get."""
    from jujulab.cli.constraints import shown
    from jujulab.session import connect_model

    with connect_model(model) as session:
        found = session.model_client().call("ModelConfig", "GetModelConstraints").get("constraints") or {}
    known = dict(sorted(found.items()))
    output.emit(known, output_format, lambda: shown(known))
