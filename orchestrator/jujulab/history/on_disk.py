"""Invariants 1, 2, 4 and 8: what is on the machines' disks and what runs there."""

from __future__ import annotations

from jujulab.history.event import Event
from jujulab.history.verdict import Verdict, held, violated
from jujulab.history.views import History, Json, part
from jujulab_core.version import Binary


def tools_resolve(history: History) -> Verdict:
    """1: ``tools/AGENT`` always resolves to a complete, verified directory."""
    checked = 0
    for event, machine in history.machines:
        for tag, link in machine["links"].items():
            directory = machine["tools"].get(link["to"])
            where = f"{machine['instance']}: tools/{tag} leads to {link['to']}"
            if directory is None:
                return violated(f"{where}, which is not there", event)
            if not directory["complete"]:
                return violated(f"{where}, which is not complete", event)
            checked += 1
    return held(checked, "no machine was looked at")


def versions_agree(history: History) -> Verdict:
    """2: what an agent reports, its link and its running code are the same version, once settled."""
    checked = 0
    for event in history.settled:
        models = {model["uuid"]: model for model in event.value["models"]}
        for machine in event.value["machines"]:
            reported = models.get(machine["model"], {"agents": {}})["agents"]
            for tag, link in machine["links"].items():
                if tag not in reported:
                    continue
                if problem := _disagreement(machine, tag, link, reported[tag]["version"]):
                    evidence = part(event, {"reported": reported[tag], "machine": machine})
                    return violated(f"{machine['instance']}: {tag} {problem}", evidence)
                checked += 1
    return held(checked, "no settled lab was looked at")


def _disagreement(machine: Json, tag: str, link: Json, reported: str) -> str:
    version = version_of(link["to"])
    process = machine["agents"].get(tag)
    if process is None:
        return "does not run"
    if not process["current"]:
        return f"runs code from before its link was moved to {version}"
    if reported != version:
        return f"reports {reported or 'no version'}, and its link leads to {version}"
    server = machine["agents"].get("controller")
    if tag.startswith("machine-") and server is not None and server["version"] != version:
        return f"has its link at {version}, and the controller beside it runs {server['version']}"
    return ""


def only_verified(history: History) -> Verdict:
    """4: nothing is unpacked or served that is not what a signed index promised."""
    promised = {binary: {entry["sha256"] for entry in entries} for binary, entries in history.published.items()}
    programs = {
        binary: {entry["jujud-sha256"] for entry in entries if entry["jujud-sha256"]}
        for binary, entries in history.published.items()
    }
    if not promised:
        return held(0, "what the internet offers was not looked at")
    checked, notes = 0, []
    for event, machine in history.machines:
        for binary, directory in machine["tools"].items():
            if binary not in promised:
                notes.append(f"{binary} was not seen to be offered")
                continue
            where = f"{machine['instance']}: tools/{binary}"
            if directory["sha256"] and directory["sha256"] not in promised[binary]:
                return violated(f"{where} was unpacked from {directory['sha256']}, which was never offered", event)
            program = directory.get("jujud-sha256")
            if program and programs[binary] and program not in programs[binary]:
                return violated(f"{where}/jujud is not the program that was published", event)
            checked += 1
        for name, content in machine.get("blobs", {}).items():
            if name != content:
                return violated(f"the controller's cache holds {content or 'nothing'} under the name {name}", event)
            checked += 1
    return held(checked, "no machine with agent binaries was looked at", notes)


def workloads_undisturbed(history: History) -> Verdict:
    """8: workloads are not restarted by an upgrade; by a restart of their machine they are.

    One that has ended may be a machine's on its way down: only the next looks tell whether the machine has gone too.
    """
    checked = 0
    known: dict[tuple[str, str], tuple[int, Json, Event]] = {}
    ended: dict[tuple[str, str], Verdict] = {}
    gone = {
        str(name).replace("/", "-")
        for one in history.done("remove-unit", "remove-application")
        for name in (one.invoke.value or {}).get("arguments", {}).get("units", ())
    }
    for event, machine in history.machines:
        instance, boot = machine["instance"], machine["boot"]
        for (where, unit), (was_boot, process, before) in list(known.items()):
            # Where only an application was named, some of its units are gone.
            if where != instance or unit in gone or unit.rpartition("-")[0] in gone:
                continue
            if boot != was_boot:
                ended.pop((where, unit), None)
                continue
            now = machine["workloads"].get(unit)
            if now is None:
                text = f"{instance}: the workload of {unit} has ended"
                ended.setdefault((where, unit), violated(text, before, event))
                continue
            if now != process:
                text = f"the workload of {unit} was restarted: process {process['pid']} became {now['pid']}"
                return violated(f"{instance}: {text}", before, event)
            checked += 1
        for unit, process in machine["workloads"].items():
            known[instance, unit] = (boot, process, event)
    for verdict in ended.values():
        return verdict
    return held(checked, "no machine with a workload was looked at twice")


def version_of(binary: str) -> str:
    """``2.6.10`` of ``2.6.10-bionic-amd64``."""
    return str(Binary.parse(binary).number)
