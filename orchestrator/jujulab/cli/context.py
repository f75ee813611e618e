"""What every command shares: how much it says, and when a traceback is shown."""

from __future__ import annotations

from dataclasses import dataclass

import click


@dataclass
class Talk:
    """How much is said on stderr.

    Attributes:
        quiet: Leave out everything but errors.
        verbose: Say more.
        debug: Show tracebacks, and the log of the libraries.
    """

    quiet: bool = False
    verbose: bool = False
    debug: bool = False


def talk() -> Talk:
    """The settings of the command that runs now; the defaults outside of one."""
    context = click.get_current_context(silent=True)
    return context.ensure_object(Talk) if context else Talk()
