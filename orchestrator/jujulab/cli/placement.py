"""``--to``: where units go."""

from __future__ import annotations

from jujulab_core.errors import UsageError
from jujulab_core.tags import MACHINE_RE


def parse(text: str | None) -> list[dict[str, str]]:
    """Reads ``0,1`` into the API's placements.

    Raises:
        UsageError: Something else than machine ids; a lab has no containers in machines.
    """
    ids = [part.strip() for part in text.split(",")] if text else []
    for machine in ids:
        if not MACHINE_RE.fullmatch(machine):
            raise UsageError(
                f'invalid --to parameter "{machine}"', next_step="name machines by their ids, such as --to 0,1"
            )
    return [{"scope": "#", "directive": machine} for machine in ids]
