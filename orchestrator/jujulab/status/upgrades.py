"""An upgrade's record as people read it. Pure: takes what ``LabUpgrades`` answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from jujulab.rollout.phases import BAD, TERMINAL, WAITING, Owner, Phase, owner
from jujulab.status.times import TimeForm, parse
from jujulab_core.rollout import Check
from jujulab_core.tags import split_tag

Upgrade = Mapping[str, Any]

FINAL = frozenset({"complete", "failed", "aborted"})
# How the reason of a pause begins that only a person's answer ends.
_ASKS = "cannot tell"
# How the reason of an abort begins that left machines where they were.
_ABORTED_WITH = "aborted with "
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
COLOURS = {Phase.DONE: "green", Phase.SKIPPED: "yellow"} | dict.fromkeys(BAD, "red")


def asks(upgrade: Upgrade) -> bool:
    """Whether it waits until a person says whether a machine is good."""
    return bool(upgrade["status"] == "paused" and str(upgrade.get("reason") or "").startswith(_ASKS))


def is_over(upgrade: Upgrade) -> bool:
    """Whether there is nothing to wait for: it has ended, or it asks for an answer.

    An upgrade that somebody paused is waited for: somebody will let it go on.
    """
    return upgrade["status"] in FINAL or asks(upgrade)


def succeeded(upgrade: Upgrade) -> bool:
    """Whether it ended with every agent on the new version."""
    return bool(upgrade["status"] == "complete")


def went_back(upgrade: Upgrade) -> bool:
    """Whether an abort ended as it should: no machine failed, none is stranded."""
    phases = {machine_phase(machine) for machine in upgrade["machines"]}
    return bool(upgrade["status"] == "aborted" and not phases & {Phase.FAILED, Phase.STRANDED})


def next_step(upgrade: Upgrade) -> str:
    """What can be done about an upgrade that did not succeed."""
    number, model = upgrade["id"], upgrade["model-name"]
    if asks(upgrade):
        machine = next(
            (m["id"] for m in upgrade["machines"] if m["agents"] and m["agents"][0]["reason"].startswith(_ASKS)),
            "MACHINE",
        )
        return (
            f"look at the machine (`jujulab ssh -m {model} {machine}`), then `jujulab resume-upgrade {number}` asks "
            f"again, `jujulab resume-upgrade {number} --accept {machine}` takes it as good, "
            f"`jujulab abort-upgrade {number} --rollback` goes back to {upgrade['from']}"
        )
    show = f"`jujulab show-upgrade {number}` shows every agent"
    if went_back(upgrade):
        return _step_after_abort(upgrade)
    if upgrade.get("roll-back"):
        return f"{show}; mend what is named there and try once more with `jujulab abort-upgrade {number} --rollback`"
    again = f"mend the machines (`jujulab ssh -m {model} MACHINE`), then try again with"
    back = "" if upgrade.get("is-controller") else f", or go back with `jujulab abort-upgrade {number} --rollback`"
    return f"{show}; {again} `jujulab retry-upgrade --id {number}`{back}"


def _step_after_abort(upgrade: Upgrade) -> str:
    number, model = upgrade["id"], upgrade["model-name"]
    if upgrade.get("roll-back"):
        again = f"`jujulab upgrade-model -m {model} --agent-version {upgrade['to']} --lift-quarantine`"
        return f"start anew with {again}"
    back = "" if upgrade.get("is-controller") else f", `jujulab abort-upgrade {number} --rollback` goes back"
    return f"`jujulab retry-upgrade --id {number}` takes it up again{back}"


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


def _bad(upgrade: Upgrade) -> frozenset[Phase]:
    """The phases that nobody wanted; where all was to be put back, that is no failure."""
    return BAD - {Phase.ROLLED_BACK} if upgrade.get("roll-back") else BAD


def failures(upgrade: Upgrade) -> list[str]:
    """What went wrong: a line for each machine that failed, or for its unit where only that did."""
    lines = []
    for machine in upgrade["machines"]:
        told: set[tuple[str, str]] = set()
        for agent in machine["agents"]:
            what = (agent["phase"], agent["reason"])
            if Phase(agent["phase"]) in _bad(upgrade) and what not in told:
                told.add(what)
                lines.append(f"{name_of(agent['tag'])}: {': '.join(filter(None, what))}")
    return lines


def closing(upgrade: Upgrade) -> str:
    """The last line about an upgrade that succeeded."""
    machines = len(upgrade["machines"])
    agents = sum(len(machine["agents"]) for machine in upgrade["machines"])
    return (
        f"upgraded {upgrade['model-name']} from {upgrade['from']} to {upgrade['to']}: "
        f"{_count(machines, 'machine')}, {_count(agents, 'agent')}, {duration(upgrade)}"
    )


def with_reason(status: str, reason: str) -> str:
    """A status and why: ``paused by admin``, ``failed: 1 of 4 machines failed: machine 3``."""
    return reason if reason.startswith(status) else ": ".join(filter(None, (status, reason)))


def standing(upgrade: Upgrade) -> str:
    """One sentence about an upgrade that is not over or did not succeed, for who looks at its model; else nothing.

    Args:
        upgrade: As the list of upgrades has it.
    """
    status, number = upgrade["status"], upgrade["id"]
    if status == "complete" or (status == "aborted" and upgrade.get("roll-back")):
        return ""
    reason = str(upgrade.get("reason") or "")
    # How an abort ended says itself how many machines have the new version.
    done = "" if reason.startswith(_ABORTED_WITH) else f": {_done(upgrade)} machines are done"
    verbs = {"running": "is under way", "failed": "failed", "aborted": f"was {with_reason(status, reason)}"}
    verb = verbs.get(status, f"is {with_reason(status, reason)}")
    steps = {
        "running": f"show-upgrade {number} --watch",
        "paused": f"show-upgrade {number}" if asks(upgrade) else f"resume-upgrade {number}",
        "aborting": f"show-upgrade {number} --watch",
    }
    return (
        f"Upgrade {number} to {upgrade['to']} {verb}{done}. See: jujulab {steps.get(status, f'show-upgrade {number}')}"
    )


def verdict(upgrade: Upgrade) -> str:
    """The sentence about an upgrade that did not succeed, and a line for each machine that failed."""
    title = f"upgrade {upgrade['id']} of model {upgrade['model-name']} to {upgrade['to']}"
    # Machines that somebody had put back have not failed.
    if went_back(upgrade) and upgrade.get("roll-back"):
        return f"{title} was undone: {closing_of_abort(upgrade)}"
    reason = str(upgrade.get("reason") or "")
    bad = sum(machine_phase(machine) in _bad(upgrade) for machine in upgrade["machines"])
    counted = f"{bad} of {_count(len(upgrade['machines']), 'machine')} failed"
    verb = {"paused": "is ", "aborted": "was "}.get(upgrade["status"], "")
    head = f"{title} {verb}{with_reason(upgrade['status'], reason)}"
    head += f" ({counted})" if bad and counted not in reason else ""
    return "\n".join([head, *(f"  {line}" for line in failures(upgrade))])


def closing_of_abort(upgrade: Upgrade) -> str:
    """The last line about an abort that ended as it should."""
    phases = Counter(machine_phase(machine) for machine in upgrade["machines"])
    back, done = phases[Phase.ROLLED_BACK], phases[Phase.DONE]
    rest = len(upgrade["machines"]) - back - done
    if upgrade.get("roll-back"):
        return (
            f"model {upgrade['model-name']} is back at {upgrade['from']}: {_count(back, 'machine')} put back, "
            f"{rest} never left it; {upgrade['to']} is quarantined"
        )
    return (
        f"upgrade {upgrade['id']} of model {upgrade['model-name']} to {upgrade['to']} was aborted: "
        f"{_count(done, 'machine')} done, {rest} left at {upgrade['from']}"
    )


def duration(upgrade: Upgrade) -> str:
    """How long it took: ``12 s``, ``3 min 20 s``; empty while it runs."""
    if not upgrade.get("finished"):
        return ""
    seconds = round((parse(upgrade["finished"]) - parse(upgrade["started"])).total_seconds())
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def rollout_text(options: Mapping[str, Any]) -> str:
    """How it proceeds, in a few words; empty for Juju's own way: ``canary 1, batch 25%, checks web, db``."""
    parts = [
        f"{key} {options[key]}" for key in ("canary", "batch", "max-failures", "max-unreachable") if options.get(key)
    ]
    if options.get("health-time"):
        parts.append(f"health-time {options['health-time']} s")
    if options.get("checks"):
        parts.append("checks " + ", ".join(Check.from_wire(check).name for check in options["checks"]))
    return ", ".join([*parts, *(["no-rollback"] if options.get("no-rollback") else [])])


def rows(upgrades: Sequence[Upgrade], times: TimeForm) -> list[tuple[str | tuple[str, str], ...]]:
    """The lines of the list of upgrades, newest first."""
    return [
        (
            str(upgrade["id"]),
            upgrade["model-name"],
            upgrade["from"],
            upgrade["to"],
            (upgrade["status"], STATUS_COLOURS.get(upgrade["status"], "")),
            _done(upgrade),
            times.since(upgrade["started"]),
            duration(upgrade),
            upgrade["requested-by"],
            rollout_text(upgrade.get("options") or {}),
            upgrade.get("reason") or "",
        )
        for upgrade in sorted(upgrades, key=lambda upgrade: int(upgrade["id"]), reverse=True)
    ]


def _done(upgrade: Upgrade) -> str:
    phases = upgrade.get("phases") or {}
    return f"{phases.get(Phase.DONE, 0)}/{sum(phases.values())}"


STATUS_COLOURS = {"complete": "green", "failed": "red", "aborted": "yellow", "aborting": "yellow", "paused": "yellow"}
LIST_HEADER = ("ID", "Model", "From", "To", "Status", "Done", "Started", "Took", "By", "Rollout", "Reason")
AGENT_HEADER = ("Machine", "Agent", "Phase", "Version", "Since", "Deadline", "Owner", "Reason")


def agent_rows(upgrade: Upgrade, times: TimeForm) -> list[tuple[str | tuple[str, str], ...]]:
    """The lines of one upgrade's agents."""
    return [
        (
            machine["id"] if index == 0 else "",
            name_of(agent["tag"]),
            (agent["phase"], COLOURS.get(Phase(agent["phase"]), "")),
            agent["version"],
            times.since(agent["since"]),
            times.timestamp(agent.get("deadline")),
            owner_of(upgrade, agent),
            agent["reason"] or (agent.get("stage-reason") or ""),
        )
        for machine in upgrade["machines"]
        for index, agent in enumerate(machine["agents"])
    ]


def owner_of(upgrade: Upgrade, agent: Mapping[str, Any]) -> str:
    """Who is to be asked about an agent: ``agent``, ``orchestrator``, ``human``, or nobody."""
    if upgrade["status"] == "paused" and Phase(agent["phase"]) in WAITING:
        return str(Owner.HUMAN)
    return str(owner(Phase(agent["phase"]), agent["reason"]))


def with_history(upgrade: Upgrade, events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The record with the owner of each agent's phase, and with all that ever changed in it.

    Args:
        upgrade: The record.
        events: Its events, oldest first.
    """
    by_tag: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        word = "phase" if event["tag"] else "status"
        line = {key: event[key] for key in ("time", word, "reason", "by") if event[key]}
        by_tag.setdefault(event["tag"], []).append(line)
    machines = [
        machine
        | {
            "agents": [
                agent | {"owner": owner_of(upgrade, agent), "history": by_tag.get(agent["tag"], [])}
                for agent in machine["agents"]
            ]
        }
        for machine in upgrade["machines"]
    ]
    return {**upgrade, "history": by_tag.get("", []), "machines": machines}


def name_of(tag: str) -> str:
    """An agent as people call it: ``machine-0``, ``ubuntu/0``."""
    kind, name = split_tag(tag)
    return tag if kind == "machine" else name


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
