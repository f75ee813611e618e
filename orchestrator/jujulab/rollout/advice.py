"""What a person is told to do where the rules are at their end. Pure."""

from __future__ import annotations

from jujulab.rollout.model import Machine, Upgrade


def by_hand(upgrade: Upgrade, machine: Machine, *, unstaged: bool = False) -> str:
    """The commands that put a machine back.

    Args:
        upgrade: Of which upgrade.
        machine: It could not be put back.
        unstaged: It has lost the binary to go back to, which must be fetched first.
    """
    upgradectl = f"jujulab ssh -m {upgrade.model} {machine.id} sudo upgradectl"
    swap = f"{upgradectl} swap by-hand {machine.old_binary} {' '.join(machine.tags)}"
    if not unstaged:
        return swap
    old = machine.before
    if old is None or not old.sha256:
        return f"nobody offers {machine.old_binary} any more; once the machine has it again, {swap}"
    return f"{upgradectl} stage by-hand {old.name} {old.url} {old.sha256} {old.size} && {swap}"
