"""Histories made by hand: a small one in which everything is as it should be, and ways to damage one."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from jujulab.history.event import Event, Kind
from jujulab.history.views import digest

MODEL, OWN = "uuid-default", "uuid-controller"
OLD, NEW = "2.6.4-bionic-amd64", "2.6.10-bionic-amd64"
SHA = {OLD: "a" * 64, NEW: "b" * 64}
PROGRAM = {OLD: "c" * 64, NEW: "d" * 64}
TAGS = ("machine-0", "unit-ubuntu-0", "machine-1", "unit-ubuntu-1", "machine-2", "unit-ubuntu-2")


class Maker:
    """Adds events, each a second after the one before."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def add(self, kind: Kind, function: str, value: Any = None, process: str = "p") -> None:
        at = float(len(self.events))
        self.events.append(Event(1_800_000_000.0 + at, at, process, kind, function, copy.deepcopy(value)))

    def see(self, function: str, value: Any) -> None:
        self.add(Kind.OBSERVATION, function, value, "observer")

    def do(self, function: str, value: Any, answer: Any = None, end: Kind | None = Kind.OK) -> None:
        self.add(Kind.INVOKE, function, value, "user")
        if end is not None:
            self.add(end, function, answer, "user")


def published() -> list[dict[str, Any]]:
    return [
        {
            "binary": binary,
            "path": f"released/juju-{binary}.tgz",
            "sha256": SHA[binary],
            "size": 100,
            "jujud-sha256": PROGRAM[binary],
        }
        for binary in (OLD, NEW)
    ]


def fetch(binary: str, line: int) -> dict[str, Any]:
    return {
        "uri": f"/juju/tools/released/juju-{binary}.tgz",
        "method": "GET",
        "status": 200,
        "bytes": 100,
        "client": "10.0.0.2",
        "time": f"2027-01-15T08:00:{line:02}+00:00",
        "line": line,
    }


def machine(number: int, binary: str, *, deep: bool = False) -> dict[str, Any]:
    tags = (f"machine-{number}", f"unit-ubuntu-{number}")
    entry = {"complete": True, "sha256": SHA[binary]} | ({"jujud-sha256": PROGRAM[binary]} if deep else {})
    start = 100 if binary == OLD else 200
    return {
        "instance": f"juju-aaaaaa-{number}",
        "model": MODEL,
        "machine": str(number),
        "links": {tag: {"to": binary, "changed": float(start)} for tag in tags},
        "tools": {binary: entry},
        "agents": {tag: {"pid": start, "start": start, "current": True} for tag in tags},
        "workloads": {f"ubuntu-{number}": {"pid": 50, "start": 60}},
        "boot": 1,
    } | ({"blobs": {}} if deep else {})


def server(version: str, *, deep: bool = False) -> dict[str, Any]:
    binary = f"{version}-bionic-amd64"
    return {
        "instance": "juju-bbbbbb-0",
        "model": OWN,
        "machine": "0",
        "links": {"machine-0": {"to": binary, "changed": 1.0}},
        "tools": {binary: {"complete": True, "sha256": "e" * 64}},
        "agents": {
            "machine-0": {"pid": 1, "start": 1, "current": True},
            "controller": {"pid": 2, "start": 1, "version": version},
        },
        "workloads": {},
        "boot": 1,
    } | ({"blobs": {SHA[NEW]: SHA[NEW]}} if deep else {})


def model(binary: str) -> dict[str, Any]:
    version = binary.partition("-")[0]
    agents = {tag: {"version": version, "status": "started"} for tag in TAGS}
    return {"name": "default", "uuid": MODEL, "controller": False, "version": version, "agents": agents}


def own(version: str) -> dict[str, Any]:
    agents = {"machine-0": {"version": version, "status": "started"}}
    return {"name": "controller", "uuid": OWN, "controller": True, "version": version, "agents": agents}


def upgrade(phases: list[str], status: str = "running", **options: Any) -> dict[str, Any]:
    flying = ("swapping", "restarting", "verifying")
    return {
        "id": 1,
        "model-uuid": MODEL,
        "is-controller": False,
        "from": "2.6.4",
        "to": "2.6.10",
        "status": status,
        "reason": "",
        "options": {"canary": 1, "batch": "1", **options},
        "agents": {
            tag: {
                "machine": tag[-1],
                "phase": phases[int(tag[-1])],
                "reason": "",
                "deadline": "2027-01-15T09:00:00Z" if phases[int(tag[-1])] in flying else None,
            }
            for tag in TAGS
        },
    }


def record(status: str) -> dict[str, Any]:
    return {"id": 1, "model-uuid": MODEL, "from": "2.6.4", "to": "2.6.10", "status": status}


def change(seq: int, tag: str, phase: str, status: str = "") -> dict[str, Any]:
    return {
        "seq": seq,
        "time": f"t{seq:02}",
        "upgrade": 1,
        "model": MODEL,
        "tag": tag,
        "phase": phase,
        "reason": "",
        "status": status,
        "by": "orchestrator",
    }


def good() -> list[Event]:
    """An upgrade of three machines, one after the other, from the first look to the last."""
    make = Maker()
    make.see("published", published())
    make.see("controller", {"version": "2.7.0"})
    make.see("records", [])
    for number in range(3):
        make.see("machine", machine(number, OLD))
    make.see("machine", server("2.7.0"))
    make.see("model", model(OLD))
    make.see("model", own("2.7.0"))
    make.see("fetch", fetch(OLD, 1))
    make.do("write", {"key": "k", "value": 1})
    make.do("read", {"key": "k"}, {"key": "k", "value": 1})
    make.do("request-upgrade", {"model-uuid": MODEL, "to": "2.6.10"})
    make.see("records", [record("running")])
    make.see("upgrade", upgrade(["pending", "pending", "pending"]))
    make.see("fetch", fetch(NEW, 2))
    changes: list[dict[str, Any]] = []
    for number in range(3):
        for phase in ("staged", "swapping", "restarting", "done"):
            for tag in (f"machine-{number}", f"unit-ubuntu-{number}"):
                changes.append({**change(len(changes) + 1, tag, phase), "time": f"t{number}{phase}"})
                make.see("upgrade-event", changes[-1])
        phases = ["done"] * (number + 1) + ["staged"] * (2 - number)
        make.see("upgrade", upgrade(phases))
        make.see("machine", machine(number, NEW))
    changes.append(change(len(changes) + 1, "", "", "complete"))
    make.see("upgrade-event", changes[-1])
    make.see("records", [record("complete")])
    make.see("model", model(NEW))
    make.do("write", {"key": "k", "value": 2}, end=None)
    make.do("read", {"key": "k"}, {"key": "k", "value": 2})
    make.see(
        "settled",
        {
            "controller": "2.7.0",
            "records": [record("complete")],
            "upgrades": [upgrade(["done", "done", "done"], "complete")],
            "changes": {str(entry["seq"]): digest(entry) for entry in changes},
            "models": [model(NEW), own("2.7.0")],
            "machines": [*(machine(number, NEW, deep=True) for number in range(3)), server("2.7.0", deep=True)],
        },
    )
    return make.events


def damaged(events: list[Event], at: int, how: Callable[[Any], None]) -> list[Event]:
    """The history with the value of one event changed."""
    value = copy.deepcopy(events[at].value)
    how(value)
    return [*events[:at], replace(events[at], value=value), *events[at + 1 :]]


def places(events: list[Event], function: str, kind: Kind = Kind.OBSERVATION) -> list[int]:
    """Where the events of a function are."""
    return [at for at, event in enumerate(events) if event.function == function and event.type is kind]
