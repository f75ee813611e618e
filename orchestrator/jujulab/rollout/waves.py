"""Which machines go when, and when no more may: waves and the stop rule. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from jujulab.rollout.model import Machine, Upgrade
from jujulab.rollout.phases import BAD, GOING_BACK, IN_FLIGHT, TERMINAL, UNREACHABLE
from jujulab_core.rollout import Options, share

# A careful rollout of more machines than this goes in batches even if nobody asked for them.
LARGE_FLEET = 50
LARGE_FLEET_BATCH = "25%"


def waves(machines: Sequence[str], options: Options) -> tuple[tuple[str, ...], ...]:
    """Splits the machines into waves: the canaries first, then batches; by default all at once.

    A percentage is one of all machines, rounded up, and never less than one machine.
    """
    first, rest = tuple(machines[: options.canary]), machines[options.canary :]
    guard = LARGE_FLEET_BATCH if options.careful and len(machines) > LARGE_FLEET else ""
    size = share(options.batch or guard, len(machines), "--batch", round_up=True) or len(rest) or 1
    batches = [tuple(rest[at : at + size]) for at in range(0, len(rest), size)]
    return tuple(wave for wave in (first, *batches) if wave)


def admitted(upgrade: Upgrade) -> frozenset[str]:
    """The machines that may be swapped now: those of the first wave that has not ended, and of those before it.

    As long as one outside of them is still under way, which happens after a retry, nobody may begin. Controllers go
    together, as none of them finishes before all have begun (the Juju upgrade specification, section K).
    """
    phases = {machine.id: machine.phase for machine in upgrade.machines}
    if upgrade.is_controller:
        return frozenset(phases)
    found: set[str] = set()
    for wave in waves(tuple(phases), upgrade.options):
        found.update(wave)
        if any(phases[machine_id] not in TERMINAL for machine_id in wave):
            break
    if any(phase in IN_FLIGHT and machine_id not in found for machine_id, phase in phases.items()):
        return frozenset()
    return frozenset(found)


def must_stop(machines: Sequence[Machine], options: Options) -> bool:
    """The stop rule: more machines of the whole run have failed, or could not be reached, than are borne.

    Percentages are of all machines of the run, rounded down. Machines that could not be reached are counted apart.
    Where waves or checks are asked for and nothing else is said, none are borne; in Juju's own way any number.
    """
    bad = [machine for machine in machines if machine.phase in BAD | GOING_BACK]
    unreachable = sum(machine.reason.startswith(UNREACHABLE) for machine in bad)
    borne, borne_unreachable = _borne(len(machines), options)
    return len(bad) - unreachable > borne or unreachable > borne_unreachable


def _borne(machines: int, options: Options) -> tuple[float, float]:
    failures = share(options.max_failures, machines, "--max-failures", round_up=False)
    if failures is None:
        return _default(options), _unreachable(machines, options, _default(options))
    return failures, _unreachable(machines, options, failures)


def _unreachable(machines: int, options: Options, default: float) -> float:
    borne = share(options.max_unreachable, machines, "--max-unreachable", round_up=False)
    return default if borne is None else borne


def _default(options: Options) -> float:
    return 0 if options.canary or options.batch or options.checks else float("inf")
