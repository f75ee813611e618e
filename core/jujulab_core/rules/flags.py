"""The flags of ``upgrade-model`` and ``upgrade-controller``.

Source: the Juju upgrade specification, sections C.1 (step 1), E.1 and B.
"""

from __future__ import annotations

from dataclasses import dataclass

from jujulab_core.errors import UsageError
from jujulab_core.version import Number


@dataclass(frozen=True, slots=True)
class Flags:
    """The flags of an upgrade command, read and checked.

    Attributes:
        agent_version: The version asked for, or None.
        agent_stream: The stream to search instead of the model's, or empty.
        build_agent: Build the local ``jujud`` and upload it.
        dry_run: Say what would be done.
        ignore_agent_versions: Do not ask that every agent is at the model's version.
        reset_previous_upgrade: Clear a stuck upgrade record first.
        yes: Do not ask before clearing it.
        verbose: List the available versions.
    """

    agent_version: Number | None = None
    agent_stream: str = ""
    build_agent: bool = False
    dry_run: bool = False
    ignore_agent_versions: bool = False
    reset_previous_upgrade: bool = False
    yes: bool = False
    verbose: bool = False


def parse_flags(
    *,
    agent_version: str = "",
    agent_stream: str = "",
    build_agent: bool = False,
    dry_run: bool = False,
    ignore_agent_versions: bool = False,
    reset_previous_upgrade: bool = False,
    yes: bool = False,
    verbose: bool = False,
) -> Flags:
    """Checks the flags as typed.

    Args:
        agent_version: The text of ``--agent-version``; empty and ``0.0.0`` are "not given".
        agent_stream: As in `Flags`.
        build_agent: As in `Flags`.
        dry_run: As in `Flags`.
        ignore_agent_versions: As in `Flags`.
        reset_previous_upgrade: As in `Flags`.
        yes: As in `Flags`.
        verbose: As in `Flags`.

    Raises:
        UsageError: ``invalid version "4"`` or ``cannot specify build number when building an agent``, Juju's words.
    """
    target = Number.parse(agent_version) if agent_version else None
    if build_agent and target is not None and target.build > 0:
        raise UsageError("cannot specify build number when building an agent")
    return Flags(
        agent_version=None if target is None or target.is_zero else target,
        agent_stream=agent_stream,
        build_agent=build_agent,
        dry_run=dry_run,
        ignore_agent_versions=ignore_agent_versions,
        reset_previous_upgrade=reset_previous_upgrade,
        yes=yes,
        verbose=verbose,
    )
