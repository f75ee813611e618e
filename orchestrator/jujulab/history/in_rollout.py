"""Invariants 5 and 7: how upgrades went. The rules are told here once more, in few lines, so as not to trust ours."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any

from jujulab.history.verdict import Verdict, held, violated
from jujulab.history.views import History, Json, Seen, part

WAITING = ("pending", "staging", "staged")
IN_FLIGHT = ("swapping", "restarting", "verifying")
# Going back is never held up by a limit, but it has an end, too.
GOING_BACK = ("rolling-back", "returning")
BAD = ("failed", "rolled-back", "stranded")
TERMINAL = ("done", "skipped", *BAD)
OVER = ("complete", "failed", "aborted")
# Failed machines that could not be reached are counted apart, by a reason that begins so.
UNREACHABLE = "unreachable: "
# How long after a deadline its owner may take to say so: it may have been killed meanwhile.
GRACE_SECONDS = 120.0


def within_limits(history: History) -> Verdict:
    """5: no more machines than allowed are not ready; once the stop rule trips no further machine starts."""
    checked = 0
    for number, seldom in history.upgrades.items():
        # The controller's own record leaves no gap between two looks.
        looks = history.courses.get(number, seldom)
        for seen in looks:
            if text := _too_many(seen.value):
                return violated(text, seen.event)
            checked += 1
        for before, after in pairwise(looks):
            if text := _started_after_stop(before, after):
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


def _started_after_stop(before: Seen, after: Seen) -> str:
    old, new = before.value, after.value
    borne = failures_borne(old["options"], len(machines(old)))
    bad = _bad(old)
    # Who retries or accepts machines, or has it resumed, has decided anew.
    decided = any(old.get(key) != new.get(key) for key in ("retries", "accepted", "status", "options"))
    if bad <= borne or decided or _bad(new) < bad:
        return ""
    was, now = machines(old), machines(new)
    started = [number for number in now if was.get(number) in WAITING and now[number] in (*IN_FLIGHT, "done")]
    if not started:
        return ""
    return f"upgrade {old['id']}: machine {started[0]} was started although {bad} had failed and {borne:g} are borne"


def _bad(upgrade: Json) -> int:
    found = {
        agent["machine"]
        for agent in upgrade["agents"].values()
        if agent["phase"] in BAD and not agent["reason"].startswith(UNREACHABLE)
    }
    return len(found)


def ends_with_reason(history: History) -> Verdict:
    """7: every agent ends in a terminal state with a reason; nothing is under way without a deadline and an owner."""
    checked = 0
    for looks in history.upgrades.values():
        for event, upgrade in looks:
            for tag, agent in upgrade["agents"].items():
                if agent["phase"] in IN_FLIGHT + GOING_BACK and not agent["deadline"]:
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
    """How many machines of an upgrade may be under way at a time, by its canary and batch."""
    canary, batch = int(options.get("canary") or 0), str(options.get("batch") or "")
    if not (canary or batch):
        return count
    share = math.ceil(count * int(batch[:-1]) / 100) if batch.endswith("%") else int(batch or count - canary)
    return max(canary, share, 1)


def failures_borne(options: Mapping[str, Any], count: int) -> float:
    """How many failed machines do not stop an upgrade."""
    text = str(options.get("max-failures") or "")
    if not text:
        return 0 if options.get("canary") or options.get("batch") else math.inf
    return count * int(text[:-1]) // 100 if text.endswith("%") else int(text)
