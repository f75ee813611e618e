"""Invariants 5 and 7: how upgrades went. The rules are told here once more, in few lines, so as not to trust ours."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any

from jujulab.history.verdict import Verdict, held, violated
from jujulab.history.views import History, Json, part

WAITING = ("pending", "staging", "staged")
IN_FLIGHT = ("swapping", "restarting", "verifying")
# Going back is never held up by a limit, but it has an end, too.
GOING_BACK = ("rolling-back", "returning")
BAD = ("failed", "rolled-back", "stranded")
TERMINAL = ("done", "skipped", *BAD)
OVER = ("complete", "failed", "aborted")
# Failed machines that could not be reached are counted apart, by a reason that begins so.
UNREACHABLE = "unreachable: "
# What waits for a person's answer has a reason that begins so, and no deadline.
CANNOT_TELL = "cannot tell: "
# Careful rollouts of more machines than this go in batches of a quarter, even if nobody asked for them.
LARGE_FLEET = 50
# How long after a deadline its owner may take to say so: it may have been killed meanwhile.
GRACE_SECONDS = 120.0


def within_limits(history: History) -> Verdict:
    """5: no more machines than allowed are not ready, in waves; once the stop rule trips no further machine starts."""
    checked = 0
    for number, seldom in history.upgrades.items():
        # The controller's own record leaves no gap between two looks.
        looks = history.courses.get(number, seldom)
        for seen in looks:
            if text := _too_many(seen.value):
                return violated(text, seen.event)
            checked += 1
        for before, after in pairwise(looks):
            if text := _started_after_stop(before.value, after.value) or _out_of_turn(before.value, after.value):
                return violated(text, before.event, after.event)
    return held(checked, "no upgrade was looked at")


def _too_many(upgrade: Json) -> str:
    phases = machines(upgrade)
    flying = [number for number, phase in phases.items() if phase in IN_FLIGHT]
    allowed = most_at_once(upgrade["options"], len(phases))
    if len(flying) <= allowed:
        return ""
    named = ", ".join(flying)
    return f"upgrade {upgrade['id']}: {len(flying)} machines are under way ({named}), and {allowed} are allowed"


def _started_after_stop(old: Json, new: Json) -> str:
    count = len(machines(old))
    failed, away = _bad(old)
    tripped = []
    if failed > (borne := failures_borne(old["options"], count)):
        tripped.append(f"{failed} had failed and {borne:g} are borne")
    if away > (borne := unreachable_borne(old["options"], count)):
        tripped.append(f"{away} could not be reached and {borne:g} are borne")
    started = _started(old, new)
    if not tripped or not started or _decided(old, new) or sum(_bad(new)) < failed + away:
        return ""
    return f"upgrade {old['id']}: machine {started[0]} was started although {tripped[0]}"


def _out_of_turn(old: Json, new: Json) -> str:
    """Whether a machine began while one of an earlier wave had not ended: not before, and not at that moment."""
    if _decided(old, new):
        return ""
    was, now = machines(old), machines(new)
    turns = {number: turn for turn, wave in enumerate(_waves(old["options"], list(now))) for number in wave}
    for number in _started(old, new):
        for other, turn in turns.items():
            if turn < turns[number] and was.get(other) not in TERMINAL and now[other] not in TERMINAL:
                text = f"machine {number} was started while {other}, of a wave before, was {now[other]}"
                return f"upgrade {old['id']}: {text}"
    return ""


def _started(old: Json, new: Json) -> list[str]:
    was, now = machines(old), machines(new)
    return [number for number in now if was.get(number) in WAITING and now[number] in (*IN_FLIGHT, "done")]


def _decided(old: Json, new: Json) -> bool:
    """Whether somebody has decided anew: who retries or accepts machines, or has it resumed."""
    return any(old.get(key) != new.get(key) for key in ("retries", "accepted", "status", "options"))


def _bad(upgrade: Json) -> tuple[int, int]:
    """How many machines have failed, and how many more could not be reached."""
    found = {
        agent["machine"]: agent["reason"].startswith(UNREACHABLE)
        for agent in upgrade["agents"].values()
        if agent["phase"] in BAD + GOING_BACK
    }
    return list(found.values()).count(False), list(found.values()).count(True)


def ends_with_reason(history: History) -> Verdict:
    """7: every agent ends in a terminal state with a reason; nothing is under way without a deadline and an owner."""
    checked = 0
    for looks in history.upgrades.values():
        for event, upgrade in looks:
            for tag, agent in upgrade["agents"].items():
                asks = agent["reason"].startswith(CANNOT_TELL)
                if agent["phase"] in IN_FLIGHT + GOING_BACK and not agent["deadline"] and not asks:
                    text = f"upgrade {upgrade['id']}: {tag} is {agent['phase']} without a deadline"
                    return violated(text, event)
                checked += 1
    for event in history.settled:
        for upgrade in event.value["upgrades"]:
            if text := _unfinished(upgrade, event.time):
                return violated(f"upgrade {upgrade['id']}: {text}", part(event, upgrade))
    notes = [] if history.settled else ["no settled lab was looked at, so that the ends were not checked"]
    return held(checked, "no upgrade was looked at", notes)


def _unfinished(upgrade: Json, now: float) -> str:
    if upgrade["status"] == "paused":
        # Its owner is a person.
        return "" if upgrade["reason"] else "it is paused without a reason"
    if upgrade["status"] not in OVER:
        late = [
            tag
            for tag, agent in upgrade["agents"].items()
            if agent["deadline"] and datetime.fromisoformat(agent["deadline"]).timestamp() + GRACE_SECONDS < now
        ]
        return f"it is {upgrade['status']} although all has settled{f', {late[0]} beyond its deadline' if late else ''}"
    for tag, agent in sorted(upgrade["agents"].items()):
        if agent["phase"] not in TERMINAL:
            return f"it is {upgrade['status']}, and {tag} is still {agent['phase']}"
        if agent["phase"] != "done" and not agent["reason"]:
            return f"{tag} is {agent['phase']} without a reason"
    return ""


def machines(upgrade: Json) -> dict[str, str]:
    """The phase of each machine: all agents of one go together."""
    found: dict[str, str] = {}
    for agent in upgrade["agents"].values():
        found.setdefault(agent["machine"], agent["phase"])
    return dict(sorted(found.items(), key=lambda item: int(item[0])))


def most_at_once(options: Mapping[str, Any], count: int) -> int:
    """How many machines of an upgrade may be under way at a time: those of its largest wave."""
    return max(map(len, _waves(options, list(map(str, range(count))))), default=count)


def _waves(options: Mapping[str, Any], numbers: list[str]) -> list[list[str]]:
    canary, batch = int(options.get("canary") or 0), str(options.get("batch") or "")
    careful = any(value for key, value in options.items() if key != "no-rollback")
    if not batch and careful and len(numbers) > LARGE_FLEET:
        batch = "25%"
    rest = numbers[canary:]
    share = math.ceil(len(numbers) * int(batch[:-1]) / 100) if batch.endswith("%") else int(batch or len(rest))
    size = max(share, 1)
    waves = [numbers[:canary], *(rest[at : at + size] for at in range(0, len(rest), size))]
    return [wave for wave in waves if wave]


def failures_borne(options: Mapping[str, Any], count: int) -> float:
    """How many failed machines do not stop an upgrade."""
    careful = options.get("canary") or options.get("batch") or options.get("checks")
    return _share(options.get("max-failures"), count, 0 if careful else math.inf)


def unreachable_borne(options: Mapping[str, Any], count: int) -> float:
    """How many machines that cannot be reached do not stop an upgrade: as many as failures, if nothing is said."""
    return _share(options.get("max-unreachable"), count, failures_borne(options, count))


def _share(given: object, count: int, default: float) -> float:
    text = str(given or "")
    if not text:
        return default
    return count * int(text[:-1]) // 100 if text.endswith("%") else int(text)
