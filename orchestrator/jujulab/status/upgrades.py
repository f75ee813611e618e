"""An upgrade's record as people read it. Pure: takes what ``LabUpgrades`` answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from jujulab.rollout.phases import BAD, TERMINAL, Phase
from jujulab.status.times import TimeForm, parse
from jujulab_core.tags import split_tag

Upgrade = Mapping[str, Any]

ACTIVE = frozenset({"running"})
# From the least to the most advanced; a machine is as far as the last of its agents.
_PROGRESS = (
    Phase.PENDING,
    Phase.STAGING,
    Phase.STAGED,
    Phase.SWAPPING,
    Phase.RESTARTING,
    Phase.VERIFYING,
    Phase.ROLLING_BACK,
    Phase.RETURNING,
    Phase.SKIPPED,
    Phase.DONE,
)
_COLOURS = {Phase.DONE: "green", Phase.SKIPPED: "yellow"} | dict.fromkeys(BAD, "red")


def is_over(upgrade: Upgrade) -> bool:
    """Whether nothing more will happen by itself."""
    return upgrade["status"] not in ACTIVE


def succeeded(upgrade: Upgrade) -> bool:
    """Whether it ended with every agent on the new version."""
    return bool(upgrade["status"] == "complete")


def machine_phase(machine: Mapping[str, Any]) -> Phase:
    """How far a machine is: a failure if one of its agents failed, else where its last agent is."""
    phases = [Phase(agent["phase"]) for agent in machine["agents"]]
    return next((phase for phase in phases if phase in BAD), None) or min(
        phases, key=_PROGRESS.index, default=Phase.DONE
    )


def progress(upgrade: Upgrade) -> tuple[str, int, int]:
    """Where an upgrade is: the phases with their counts, the machines that are finished, and all machines."""
    counts = Counter(machine_phase(machine) for machine in upgrade["machines"])
    order = [*reversed(_PROGRESS), *sorted(BAD)]
    text = ", ".join(f"{counts[phase]} {phase}" for phase in order if counts[phase])
    finished = sum(count for phase, count in counts.items() if phase in TERMINAL)
    return text or "no machines", finished, len(upgrade["machines"])


def failures(upgrade: Upgrade) -> dict[str, str]:
    """What went wrong, a line for each agent that failed, by its tag."""
    return {
        agent["tag"]: f"{_name(agent['tag'])}: {agent['phase']}" + (f": {agent['reason']}" if agent["reason"] else "")
        for machine in upgrade["machines"]
        for agent in machine["agents"]
        if Phase(agent["phase"]) in BAD
    }


def closing(upgrade: Upgrade) -> str:
    """The last line about an upgrade that succeeded."""
    machines = len(upgrade["machines"])
    agents = sum(len(machine["agents"]) for machine in upgrade["machines"])
    return (
        f"upgraded {upgrade['model-name']} from {upgrade['from']} to {upgrade['to']}: "
        f"{_count(machines, 'machine')}, {_count(agents, 'agent')}, {duration(upgrade)}"
    )


def verdict(upgrade: Upgrade) -> str:
    """The sentence about an upgrade that did not succeed, and a line for each agent that failed."""
    bad = sum(machine_phase(machine) in BAD for machine in upgrade["machines"])
    total = _count(len(upgrade["machines"]), "machine")
    ended = {"paused": "is paused", "aborted": "was aborted"}.get(upgrade["status"], upgrade["status"])
    head = f"upgrade {upgrade['id']} of model {upgrade['model-name']} to {upgrade['to']} {ended}"
    reason = f": {upgrade['reason']}" if upgrade.get("reason") else ""
    return "\n".join(
        [f"{head}{reason} ({bad} of {total} failed)", *(f"  {line}" for line in failures(upgrade).values())]
    )


def duration(upgrade: Upgrade) -> str:
    """How long it took: ``12 s``, ``3 min 20 s``; empty while it runs."""
    if not upgrade.get("finished"):
        return ""
    seconds = round((parse(upgrade["finished"]) - parse(upgrade["started"])).total_seconds())
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def rows(upgrades: Sequence[Upgrade], times: TimeForm) -> list[tuple[str, ...]]:
    """The lines of the list of upgrades, newest first."""
    return [
        (
            str(upgrade["id"]),
            upgrade["model-name"],
            upgrade["from"],
            upgrade["to"],
            upgrade["status"],
            times.since(upgrade["started"]),
            duration(upgrade),
            upgrade["requested-by"],
            upgrade.get("reason") or "",
        )
        for upgrade in sorted(upgrades, key=lambda upgrade: int(upgrade["id"]), reverse=True)
    ]


LIST_HEADER = ("ID", "Model", "From", "To", "Status", "Started", "Took", "By", "Reason")
AGENT_HEADER = ("Machine", "Agent", "Phase", "Version", "Since", "Reason")


def agent_rows(upgrade: Upgrade, times: TimeForm) -> list[tuple[str | tuple[str, str], ...]]:
    """The lines of one upgrade's agents."""
    return [
        (
            machine["id"] if index == 0 else "",
            _name(agent["tag"]),
            (agent["phase"], _COLOURS.get(Phase(agent["phase"]), "")),
            agent["version"],
            times.since(agent["since"]),
            agent["reason"] or (agent.get("stage-reason") or ""),
        )
        for machine in upgrade["machines"]
        for index, agent in enumerate(machine["agents"])
    ]


def _name(tag: str) -> str:
    kind, name = split_tag(tag)
    return tag if kind == "machine" else name


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
