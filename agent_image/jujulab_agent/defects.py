"""Releases that are bad on purpose (``jujulab publish --defect KIND``).

::

    crash-on-start         every daemon ends at once
    crash-after=SECONDS    the agent ends that long after its start
    hang-on-start          every daemon stays alive and does nothing at all
    fail-upgrade-step      the machine agent's last upgrade step always fails
    never-ready            the agent runs and never logs in
    wrong-version          the agent reports another version than it was published as
"""

from __future__ import annotations

from jujulab_agent import _release
from jujulab_core.version import Number


def active(kind: str) -> bool:
    """Whether this release has that defect."""
    return _release.DEFECT.partition("=")[0] == kind


def crash_delay() -> int:
    """The seconds after which a release with ``crash-after`` ends."""
    return int(_release.DEFECT.partition("=")[2])


def reported_version(version: Number) -> Number:
    """The version that this release says it is."""
    if not active("wrong-version"):
        return version
    # A lower one, as nothing in a hosted model may ever claim to be above its controller.
    if version.patch:
        return Number(version.major, version.minor, version.patch - 1, version.tag)
    return Number(version.major, max(version.minor - 1, 0), 99)
