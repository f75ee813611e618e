"""When an upgrade is over, and how it ended. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from jujulab.rollout.acts import Busy
from jujulab.rollout.model import Upgrade
from jujulab.rollout.phases import BAD, TERMINAL, Phase


def status(upgrade: Upgrade, busy: Mapping[str, Busy]) -> tuple[str | None, str]:
    """The upgrade's status when every machine has come to its end; None where it stays what it is."""
    machines = upgrade.machines
    under_way = any(entry.until is None for entry in busy.values())
    if under_way or any(machine.phase not in TERMINAL for machine in machines):
        return None, ""
    bad = [machine for machine in machines if machine.phase in BAD]
    skipped = sum(machine.phase is Phase.SKIPPED for machine in machines)
    if upgrade.status == "aborting":
        return "aborted", _how_aborted(upgrade)
    if not bad and not skipped:
        return "complete", ""
    if upgrade.status == "failed":
        return None, ""
    names = ", ".join(f"machine {machine.id}" for machine in bad[:5])
    reason = f"{_of_all(len(bad), upgrade)} failed" + (f": {names}" if names else "")
    return "failed", reason + (f"; {skipped} {'was' if skipped == 1 else 'were'} not begun" if skipped else "")


def _how_aborted(upgrade: Upgrade) -> str:
    count = {phase: sum(machine.phase is phase for machine in upgrade.machines) for phase in Phase}
    if not upgrade.roll_back:
        return f"aborted with {_of_all(count[Phase.DONE], upgrade)} on {upgrade.new}"
    stranded = f"; {count[Phase.STRANDED]} stranded" if count[Phase.STRANDED] else ""
    return f"rolled back to {upgrade.old}: {_of_all(count[Phase.ROLLED_BACK], upgrade)}{stranded}"


def _of_all(number: int, upgrade: Upgrade) -> str:
    total = len(upgrade.machines)
    return f"{number} of {total} machine{'' if total == 1 else 's'}"
