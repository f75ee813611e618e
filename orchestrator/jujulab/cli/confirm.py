"""Juju's question before something that cannot be undone."""

from __future__ import annotations

import sys

import click


def confirmed(warning: str) -> bool:
    """Shows a warning and asks ``Continue [y/N]?`` on stdout; the end of the input is a no."""
    click.echo(f"{warning}\nContinue [y/N]? ", nl=False)
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
