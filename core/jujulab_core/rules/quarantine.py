"""Versions that a model was rolled back from: nobody gets them again by accident."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from jujulab_core.rules.facts import Refusal
from jujulab_core.version import Number


@dataclass(frozen=True, slots=True)
class Entry:
    """Why a version is in quarantine.

    Attributes:
        since: When it got there, RFC 3339.
        by: Who rolled back: a user, or an orchestrator.
        reason: Why.
    """

    since: str
    by: str
    reason: str


def without(versions: Iterable[Number], quarantined: Iterable[Number]) -> tuple[Number, ...]:
    """The versions that may be chosen where no version is asked for."""
    kept_out = frozenset(quarantined)
    return tuple(version for version in versions if version not in kept_out)


def refusal(model: str, target: Number, quarantined: Mapping[Number, Entry]) -> Refusal | None:
    """Whether a request for a version is refused.

    Args:
        model: The model's name, without its owner.
        target: The version that is asked for, or that a client has chosen.
        quarantined: The model's quarantine.
    """
    entry = quarantined.get(target)
    if entry is None:
        return None
    return Refusal(
        f"version {target} is quarantined for model {model}: {entry.reason} ({entry.since[:19]}Z, by {entry.by})",
        rule="a version that was rolled back needs a person's word before it is tried again",
        next_step=f"choose another version; or, once the cause is mended, allow it with "
        f"`jujulab upgrade-model -m {model} --agent-version {target} --lift-quarantine`",
    )
