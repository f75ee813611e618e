"""Data on stdout, talk on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import IO, Any

import click

from jujulab.cli.context import talk


def has_colour(stream: IO[str]) -> bool:
    """Whether colour belongs on this stream: a terminal, and the user did not say no (``NO_COLOR``).

    A command that was told to force colour has said so in its context.
    """
    context = click.get_current_context(silent=True)
    if context is not None and context.color is not None:
        return context.color
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def info(text: str) -> None:
    """Says something on stderr; silent with ``-q``."""
    if not talk().quiet:
        click.echo(text, err=True, color=has_colour(sys.stderr))


def detail(text: str) -> None:
    """Says something on stderr that only ``-v`` asks for."""
    if talk().verbose:
        info(text)


def data(text: str) -> None:
    """Writes data to stdout."""
    click.echo(text, color=has_colour(sys.stdout))


def emit(value: Any, output_format: str, tabular: Callable[[], str] | None = None) -> None:
    """Writes what a command found to stdout.

    Args:
        value: The data tree, for YAML and JSON.
        output_format: ``json``, ``yaml``, or anything else for the table.
        tabular: Makes the table.
    """
    if output_format == "json":
        data(to_json(value))
    elif output_format == "yaml" or tabular is None:
        from jujulab.yamltext import dump

        click.echo(dump(value), nl=False)
    elif text := tabular():
        data(text)


def to_json(value: Any) -> str:
    """JSON in one line, as Juju prints it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
