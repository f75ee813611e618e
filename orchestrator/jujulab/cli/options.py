"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

model_option = click.option(
    "-m",
    "--model",
    metavar="[CONTROLLER:]MODEL",
    help="Model to operate in. By default the current one; see `jujulab switch`.",
)
controller_option = click.option(
    "-c",
    "--controller",
    metavar="CONTROLLER",
    help="Controller to operate in. By default the current one.",
)
yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
utc_option = click.option("--utc", is_flag=True, help="Show times in UTC.")


def format_option(*choices: str, default: str | None = None) -> Callable[[F], F]:
    """``--format``; without choices ``tabular``, ``yaml`` and ``json``, the first being the default."""
    names = choices or ("tabular", "yaml", "json")
    return click.option(
        "--format",
        "output_format",
        type=click.Choice(names),
        default=default or names[0],
        show_default=True,
        help="Form of the output.",
    )


def ignored_option(name: str, metavar: str, text: str) -> Callable[[F], F]:
    """An option of Juju's that means nothing in a lab, and is taken all the same, as often as it is given."""
    return click.option(
        name, metavar=metavar, multiple=True, expose_value=False, help=f"{text}; it has no effect here."
    )


def removal_options(command: F) -> F:
    """How applications and units are removed."""
    for option in (
        click.option("--no-prompt", is_flag=True, help="Do not ask; this client never does."),
        click.option("--no-wait", is_flag=True, help="With --force: do not wait between steps."),
        click.option("--destroy-storage", is_flag=True, help="Destroy storage as well; a lab's units have none."),
        click.option("--force", is_flag=True, help="Do not stop at errors."),
    ):
        command = option(command)
    return command
