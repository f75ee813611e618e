"""What an agent says of itself while it upgrades: Juju's words (the Juju upgrade specification, section F.2)."""

from __future__ import annotations

from jujulab_core.version import Number


def has_database_part(version: Number) -> bool:
    """Whether a controller of this version tells of its database steps apart from the others: from 2.7 on."""
    return (version.major, version.minor) >= (2, 7)


def upgrading(version: Number) -> str:
    """The agent's upgrade steps run."""
    return f"upgrading to {version}"


def upgrading_database(version: Number) -> str:
    """The database steps run."""
    return f"upgrading database for {version}"


def waiting_on_primary(version: Number) -> str:
    """Another controller leads the database, and upgrades it."""
    return f"waiting on primary database upgrade for {version}"


def confirmed_primary(version: Number) -> str:
    """It has."""
    return f"confirmed primary database upgrade for {version}"


def database_completed(version: Number) -> str:
    """The database steps are done; the others come next."""
    return f"database upgrade for {version} completed"


def failed(version: Number, outcome: str, error: object) -> str:
    """A step failed; the outcome is ``will retry`` or ``giving up``."""
    return f"upgrade to {version} failed ({outcome}): {error}"


def is_under_way(message: str) -> bool:
    """Whether an agent with this message has yet to finish an upgrade, or to fail in it."""
    beginnings = ("upgrading ", "database upgrade for ", "waiting on primary ", "confirmed primary ")
    return message.startswith(beginnings)
