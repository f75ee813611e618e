"""How many controllers there shall be: what ``enable-ha`` decides (the Juju upgrade specification, section E.2)."""

from __future__ import annotations

from jujulab_core.rules.facts import Refusal

DEFAULT, MOST = 3, 7


def wanted(present: int, count: int) -> int:
    """How many there shall be.

    Args:
        present: How many there are, also those that are down: who is lost for good is removed first (section K).
        count: How many are asked for; with 0, three, or the next odd number where there are more.
    """
    return count or max(DEFAULT, present | 1)


def refusal(present: int, count: int) -> Refusal | None:
    """Why so many cannot be had; the arguments are those of :func:`wanted`."""
    if count < 0 or (count and count % 2 == 0):
        return Refusal("number of controllers must be odd and non-negative", rule="E.2: enable-ha")
    if count > MOST:
        return Refusal(f"controller count is too large (allowed {MOST})", rule="E.2: enable-ha")
    if wanted(present, count) < present:
        return Refusal("cannot reduce controller count", rule="E.2: enable-ha")
    return None
