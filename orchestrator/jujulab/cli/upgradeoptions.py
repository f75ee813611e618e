"""The options of ``upgrade-model`` and ``upgrade-controller``: Juju's, and ours for a careful rollout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--agent-version", default="", metavar="VERSION", help="Upgrade to this version."),
    click.option(
        "--agent-stream", default="", metavar="STREAM", help="Search this stream: released, proposed, devel, testing."
    ),
    click.option("--build-agent", is_flag=True, help="Build a local version of the agent binary; for developers."),
    click.option("--dry-run", is_flag=True, help="Say which version it would be, and change nothing."),
    click.option(
        "--ignore-agent-versions", is_flag=True, help="Do not ask that all agents are at the model's version."
    ),
    click.option(
        "--ignore-missing-binaries",
        is_flag=True,
        help="Start even if some machines can never get a binary, as Juju does.",
    ),
    click.option("--reset-previous-upgrade", is_flag=True, help="Clear the record of an upgrade that got stuck."),
    click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation."),
    click.option(
        "--timeout", default="30m", show_default=True, metavar="TIME", help="With --wait: when to stop waiting."
    ),
    click.option("--wait", is_flag=True, help="Stay until it has ended, show progress, and exit by the result."),
    click.option(
        "--canary", type=click.IntRange(0), default=0, metavar="N", help="First this many machines by themselves."
    ),
    click.option("--batch", default="", metavar="N|P%", help="Machines at a time. By default all at once."),
    click.option("--max-failures", default="", metavar="N|P%", help="Failed machines that are borne before it stops."),
    click.option(
        "--max-unreachable",
        default="",
        metavar="N|P%",
        help="Machines that cannot be reached, counted apart. By default as many as --max-failures.",
    ),
    click.option(
        "--health-time", default="", metavar="TIME", help="How long a machine must stay healthy to count as done."
    ),
    click.option("--no-rollback", is_flag=True, help="Leave failed machines as they are."),
    click.option("--lift-quarantine", is_flag=True, help="Allow a version that this model was rolled back from."),
)


def upgrade_options(function: F) -> F:
    """Adds the options; they arrive as keyword arguments."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def rollout(given: Mapping[str, Any]) -> dict[str, Any]:
    """Our part of a request; empty for Juju's own way.

    Raises:
        UsageError: A value is not what it should be.
    """
    from jujulab.cli.durations import seconds
    from jujulab_core.rollout import Options

    wire = {
        "canary": given["canary"],
        "batch": given["batch"],
        "max-failures": given["max_failures"],
        "max-unreachable": given["max_unreachable"],
        "health-time": round(seconds(given["health_time"])) if given["health_time"] else 0,
        "no-rollback": given["no_rollback"],
    }
    Options.from_wire(wire)
    ours: dict[str, Any] = {"rollout": wire} if any(wire.values()) else {}
    flags = ("ignore-missing-binaries", "lift-quarantine")
    return ours | {flag: True for flag in flags if given[flag.replace("-", "_")]}
