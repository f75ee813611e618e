"""Invariants 3, 6 and 9: what the controller runs, fetches and remembers."""

from __future__ import annotations

import bisect
import math
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from jujulab.history.event import Event, Kind, Operation
from jujulab.history.on_disk import version_of
from jujulab.history.verdict import Verdict, held, violated
from jujulab.history.views import History, Json, Seen, digest, part
from jujulab_core.version import Number

# What makes a second fetch of the same binary right: the controller may have lost the first, or found it bad.
EXCUSES = ("corrupt-binary", "missing-binary", "stale-index", "unsigned-index", "slow-internet", "internet-down")
# A fetch is logged when it ends, and an operation's begin is written before anything is done. An observer looks at the
# controller every second, and on a busy host every few.
SLACK_SECONDS = 60.0


def below_controller(history: History) -> Verdict:
    """3: no agent of a hosted model ever runs a version above its controller's."""
    if not history.controllers:
        return held(0, "the controller's version was not seen")
    times = [event.monotonic for event, _ in history.controllers]
    own = {seen.value["uuid"] for seen in history.models if seen.value["controller"]}
    checked = 0
    for event, what, version in _running(history, own):
        at = bisect.bisect_right(times, event.monotonic)
        # It ran what was seen before; or what was seen next, if that was soon: the observer notes what has changed.
        around = history.controllers[max(at - 1, 0) : at]
        around += [found for found in history.controllers[at : at + 1] if _soon(event, found[0]) or not around]
        newest = max(Number.parse(found) for _, found in around)
        if Number.parse(version) > newest:
            return violated(f"{what} runs {version}, and the controller {newest}", *(one for one, _ in around), event)
        checked += 1
    return held(checked, "no agent of a hosted model was seen to run")


def _soon(event: Event, later: Event) -> bool:
    return later.monotonic - event.monotonic <= SLACK_SECONDS


def _running(history: History, own: set[str]) -> Iterator[tuple[Event, str, str]]:
    for event, model in history.models:
        for tag, agent in model["agents"].items() if model["uuid"] not in own else ():
            if agent["version"]:
                yield event, f"{model['name']}: {tag}", agent["version"]
    for event, machine in history.machines:
        for tag, process in machine["agents"].items() if machine["model"] not in own else ():
            if tag in machine["links"] and process["current"]:
                yield event, f"{machine['instance']}: {tag}", version_of(machine["links"][tag]["to"])


def fetched_once(history: History) -> Verdict:
    """6: each version is fetched from the internet at most once per version, series and arch."""
    sizes = {
        entry["path"]: {int(one["size"]) for one in entries if one["path"] == entry["path"]}
        for entries in history.published.values()
        for entry in entries
    }
    first: dict[str, Event] = {}
    checked, notes = 0, []
    # Who begins to look reads the internet's log from its first line: the same line is the same fetch.
    lines = {(event.value["line"], event.value["time"]): event for event in reversed(history.seen("fetch"))}
    for event in sorted(lines.values(), key=lambda event: str(event.value["time"])):
        fetch = event.value
        path = str(fetch["uri"]).partition("/tools/")[2]
        if path not in sizes:
            notes.append(f"{path} was not seen to be offered")
            continue
        if fetch["status"] != 200 or int(fetch["bytes"]) < min(sizes[path]):
            continue
        checked += 1
        if path in first and not _excused(history, path, first[path], event):
            return violated(f"{path} was fetched from the internet twice", first[path], event)
        first[path] = event
    return held(checked, "no fetch from the internet was seen", notes)


def _excused(history: History, path: str, before: Event, again: Event) -> bool:
    begin = datetime.fromisoformat(before.value["time"]).timestamp() - SLACK_SECONDS
    end = datetime.fromisoformat(again.value["time"]).timestamp() + SLACK_SECONDS
    for one in history.operations:
        if one.outcome is Kind.FAIL or one.invoke.time > end:
            continue
        words = " ".join([one.invoke.function, *_texts(one.invoke.value)])
        hits = "controller" in words or "restore-backup" in words or "sync-agent" in words or "publish" in words
        if (hits and one.invoke.time >= begin) or (_is_excuse(one, path) and _healed(history, one) >= begin):
            return True
    return False


def _is_excuse(one: Operation, path: str) -> bool:
    """Whether it is a fault that makes a second fetch of this binary right."""
    if one.invoke.function != "fault":
        return False
    words = list(_texts(one.invoke.value))
    versions = [word for word in words if re.match(r"\d+\.\d", word)]
    named = any(re.search(rf"-{re.escape(word)}[-.]", path) for word in versions)
    return any(kind in words for kind in EXCUSES) and (named or not versions)


def _healed(history: History, fault: Operation) -> float:
    """When a fault was certainly mended: by its kind, or with all others; what is healed by its number is not known."""
    kind = next(word for word in _texts(fault.invoke.value) if word in EXCUSES)
    for one in history.operations:
        later = one.invoke.function == "heal" and one.invoke.monotonic > fault.invoke.monotonic
        if later and one.outcome is Kind.OK and one.end is not None:
            words = list(_texts(one.invoke.value))
            if kind in words or "everything" in (one.invoke.value or {}).get("arguments", {}):
                return one.end.time + SLACK_SECONDS
    return math.inf


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif value is not None:
        yield str(value)


def records_last(history: History) -> Verdict:
    """9: no committed record is lost."""
    checked = 0
    for check in (_upgrades_last, _changes_last, _writes_last):
        verdict = check(history)
        if verdict.evidence:
            return verdict
        checked += verdict.checked
    return held(checked, "no record of the controller was seen")


def _forgotten(history: History) -> list[float]:
    """When records may rightly have gone: a model was removed with them, or an older state was put back."""
    return [one.invoke.monotonic for one in history.done("restore-backup", "destroy-model")]


def _upgrades_last(history: History) -> Verdict:
    forgotten, checked = _forgotten(history), 0
    known: dict[int, tuple[Event, Json]] = {}
    listed = [Seen(event, {"all": event.value}) for event in history.seen("records")]
    listed += [Seen(part(event, event.value["records"]), {"all": event.value["records"]}) for event in history.settled]
    for event, value in sorted(listed, key=lambda seen: seen.event.monotonic):
        now = {int(entry["id"]): entry for entry in value["all"]}
        for number, (before, entry) in list(known.items()):
            if any(before.monotonic <= at <= event.monotonic for at in forgotten):
                del known[number]
            elif number not in now:
                return violated(f"the record of upgrade {number} is gone", before, event)
            elif any(now[number][key] != entry[key] for key in ("model-uuid", "from", "to")):
                return violated(f"the record of upgrade {number} is of another upgrade", before, event)
            checked += 1
        known |= {number: (event, entry) for number, entry in now.items()}
    for one in history.done("request-upgrade"):
        if one.outcome is Kind.OK and known:
            wanted = one.invoke.value
            asked = [two for two in history.done("request-upgrade") if two.invoke.value == wanted]
            certain = sum(two.outcome is Kind.OK for two in asked)
            last = max(known.values(), key=lambda pair: pair[0].monotonic)[0]
            made = sum(
                entry["model-uuid"] == wanted["model-uuid"] and entry["to"] == wanted["to"]
                for _, entry in known.values()
            )
            if one.finished < last.monotonic and made < certain and not forgotten:
                text = f"{certain} upgrades to {wanted['to']} were accepted, and {made} are on record"
                return violated(text, *(two.end for two in asked if two.end), last)
            checked += 1
    return held(checked, "")


def _changes_last(history: History) -> Verdict:
    """The controller's record of changes only grows, without gaps."""
    if _forgotten(history):
        return held(0, "")
    for event in history.settled:
        now = event.value["changes"] or {}
        for before in history.changes:
            seq = str(before.value["seq"])
            if before.monotonic < event.monotonic and now.get(seq) != digest(before.value):
                return violated(
                    f"change {seq} of an upgrade is gone or was rewritten", before, part(event, now.get(seq))
                )
    return held(len(history.changes), "")


def _writes_last(history: History) -> Verdict:
    """A counter that is written and read: a read gives what was acknowledged before it began, or something newer."""
    writes, checked = history.done("write"), 0
    for one in history.operations:
        if one.invoke.function != "read" or one.outcome is not Kind.OK or one.end is None:
            continue
        key = one.invoke.value["key"]
        mine = [two for two in writes if two.invoke.value["key"] == key]
        before = [two for two in mine if two.finished < one.invoke.monotonic]
        floor = max(before, key=lambda two: int(two.invoke.value["value"]), default=None)
        ceiling = max(
            (int(two.invoke.value["value"]) for two in mine if two.invoke.monotonic < one.end.monotonic), default=0
        )
        read = int(one.end.value["value"] or 0)
        if floor is not None and floor.end is not None and read < int(floor.invoke.value["value"]):
            text = f"{key} was acknowledged as {floor.invoke.value['value']} and then read as {read}"
            return violated(text, floor.invoke, floor.end, one.invoke, one.end)
        if read > ceiling:
            return violated(f"{key} was read as {read}, which nobody had written", one.invoke, one.end)
        checked += 1
    return held(checked, "")
