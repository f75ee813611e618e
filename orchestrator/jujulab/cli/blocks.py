"""The command sets of ``disable-command`` and the API's names for them."""

from __future__ import annotations

from jujulab_core.errors import UsageError

BLOCKS = {"all": "BlockChange", "destroy-model": "BlockDestroy", "remove-object": "BlockRemove"}
SETS = {block: name for name, block in BLOCKS.items()}


def check_set(name: str | None) -> str:
    """The API's name of a set.

    Raises:
        UsageError: It is missing or unknown; Juju's words.
    """
    valid = ", ".join(BLOCKS)
    if name is None:
        raise UsageError(f"missing command set ({valid})")
    if name not in BLOCKS:
        raise UsageError(f"bad command set, valid options: {valid}")
    return BLOCKS[name]
