"""``status`` in words: the table, one line a unit, and the summary."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from jujulab.cli.table import Cell, columns, render
from jujulab.status.tree import Relation, Shape, Tree

_GREEN = {"active", "attached", "available", "idle", "joined", "running", "started"}
_RED = {"blocked", "down", "error", "failed", "lost", "terminated", "unknown"}
_AZ_RE = re.compile(r"(?:^|\s)availability-zone=(\S+)")
_HOOK_RE = re.compile(r"running (?:action )?(\S+?)(?: hook)?")


def coloured(word: str) -> Cell:
    """A status with the colour that says how good it is."""
    return (word, "green" if word in _GREEN else "red" if word in _RED else "yellow") if word else ""


def is_empty(tree: Tree) -> bool:
    """Whether there is nothing but the model itself."""
    return not tree["machines"] and not tree["applications"]


def tabular(tree: Tree, shape: Shape, relations: Sequence[Relation] = ()) -> str:
    """The table's sections, a blank line between them (section F.1)."""
    sections = [_model(tree)]
    if tree["applications"]:
        sections.append(_applications(tree["applications"], shape))
        if units := list(_units(tree)):
            header = ("Unit", "Workload", "Agent", "Machine", "Public address", "Ports", "Message")
            sections.append(render(header, units))
    if tree["machines"]:
        sections.append(machine_table(tree["machines"], shape))
    if relations:
        first = "Integration provider" if shape.has_bases else "Relation provider"
        sections.append(render((first, "Requirer", "Interface", "Type", "Message"), relations))
    return "\n\n".join(sections)


def _model(tree: Tree) -> str:
    model = tree["model"]
    available = model.get("upgrade-available")
    cells = {
        "Model": model["name"],
        "Controller": model["controller"],
        "Cloud/Region": "/".join(filter(None, (model.get("cloud"), model.get("region")))),
        "Version": model.get("version", ""),
    }
    optional = {
        "SLA": model.get("sla"),
        "Timestamp": tree.get("controller", {}).get("timestamp"),
        "Notes": model.get("model-status", {}).get("message")
        or (f"upgrade available: {available}" if available else ""),
    }
    cells |= {title: text for title, text in optional.items() if text}
    return render(list(cells), [list(cells.values())])


def _applications(applications: Tree, shape: Shape) -> str:
    old = ("App", "Version", "Status", "Scale", "Charm", "Store", "Rev", "OS", "Notes")
    new = ("App", "Version", "Status", "Scale", "Charm", "Channel", "Rev", "Exposed", "Message")
    is_new = shape.client >= (2, 9)
    rows = []
    for name, app in applications.items():
        status = app.get("application-status", {})
        row: list[Cell] = [
            name,
            app.get("version", ""),
            coloured(status.get("current", "")),
            str(len(_units_of(applications, name))),
            app["charm-name"],
        ]
        if is_new:
            exposed = "yes" if app["exposed"] else "no"
            row += [app.get("charm-channel", ""), str(app["charm-rev"]), exposed, status.get("message", "")]
        else:
            row += [app["charm-origin"], str(app["charm-rev"]), app.get("os", "")]
            row.append("exposed" if app["exposed"] else "")
        rows.append(row)
    return render(new if is_new else old, rows, right=("Scale", "Rev"))


def _units_of(applications: Tree, name: str) -> Tree:
    """The units of an application, also of a subordinate one, whose units hang under other units."""
    units = dict(applications[name].get("units", {}))
    for principal in applications[name].get("subordinate-to", ()):
        for unit in applications.get(principal, {}).get("units", {}).values():
            found = unit.get("subordinates", {}).items()
            units |= {other: entry for other, entry in found if other.rpartition("/")[0] == name}
    return units


def _walk(tree: Tree) -> Iterator[tuple[str, Tree, int]]:
    for app in tree["applications"].values():
        for name, unit in app.get("units", {}).items():
            yield name, unit, 0
            for subordinate, entry in unit.get("subordinates", {}).items():
                yield subordinate, entry, 1


def _units(tree: Tree) -> Iterator[list[Cell]]:
    for name, unit, level in _walk(tree):
        workload, agent = unit.get("workload-status", {}), unit.get("juju-status", {})
        message = workload.get("message", "")
        doing = _HOOK_RE.fullmatch(agent.get("message", "")) if agent.get("current") == "executing" else None
        yield [
            "  " * level + name + ("*" if unit.get("leader") else ""),
            coloured(workload.get("current", "")),
            coloured(agent.get("current", "")),
            unit.get("machine", ""),
            unit.get("public-address", ""),
            ",".join(unit.get("open-ports", ())),
            f"({doing[1]}) {message}" if doing else message,
        ]


def machine_table(machines: Tree, shape: Shape) -> str:
    """The machines' section, which the command ``machines`` shows alone."""
    address = "Address" if shape.client >= (2, 9) else "DNS"
    platform = "Base" if shape.has_bases else "Series"
    header = ("Machine", "State", address, "Inst id", platform, "AZ", "Message")
    return render(header, list(_machines(machines, 0)))


def _machines(machines: Tree, level: int) -> Iterator[list[Cell]]:
    for name, machine in machines.items():
        zone = _AZ_RE.search(machine.get("hardware", ""))
        base = machine.get("base", {})
        state, message = _machine_state(machine)
        yield [
            "  " * level + name,
            coloured(state),
            machine.get("dns-name", ""),
            machine.get("instance-id", ""),
            f"{base['name']}@{base['channel']}" if base else machine.get("series", ""),
            zone[1] if zone else "",
            message,
        ]
        yield from _machines(machine.get("containers", {}), level + 1)


def _machine_state(machine: Tree) -> tuple[str, str]:
    modification = machine.get("modification-status", {})
    if modification.get("current") == "error":
        return "error", modification.get("message", "")
    return machine.get("juju-status", {}).get("current", ""), machine.get("machine-status", {}).get("message", "")


def oneline(tree: Tree) -> str:
    """A blank line, then one line a unit."""
    lines = [""]
    for name, unit, level in _walk(tree):
        agent = unit.get("juju-status", {}).get("current", "")
        workload = unit.get("workload-status", {}).get("current", "")
        ports = " " + ", ".join(unit["open-ports"]) if unit.get("open-ports") else ""
        address = unit.get("public-address", "")
        lines.append(f"{'  ' * level}- {name}: {address} (agent:{agent}, workload:{workload}){ports}")
    return "\n".join(lines)


def summary(tree: Tree) -> str:
    """Subnets, ports, and counts by state; titles stand at the right of their column."""
    units = [unit for _, unit, _ in _walk(tree)]
    machines = list(_all_machines(tree["machines"]))
    ports = sorted({port for unit in units for port in unit.get("open-ports", ())})
    rows: list[Sequence[Cell]] = [("Running on subnets:", ", ".join(_subnets(machines)))]
    rows += [("Utilizing ports:", ", ".join(ports)), ()]
    rows += [("# Machines:", f"({len(machines)})"), *_counts(machines, "juju-status")]
    rows += [("# Units:", f"({len(units)})"), *_counts(units, "workload-status")]
    rows.append(("# Applications:", f"({len(tree['applications'])})"))
    for name, app in tree["applications"].items():
        members = _units_of(tree["applications"], name).values()
        active = sum(unit.get("workload-status", {}).get("current") == "active" for unit in members)
        rows.append((name, f"{active}/{len(members)}{' exposed' if app['exposed'] else ''}"))
    rows += [(), ("# Remote:", "(0)")]
    return columns(rows, right={0})


def _counts(entries: Sequence[Tree], key: str) -> list[Sequence[Cell]]:
    counts = Counter(entry.get(key, {}).get("current", "unknown") for entry in entries)
    return [*((f"{state}:", str(count)) for state, count in sorted(counts.items())), ()]


def _all_machines(machines: Mapping[str, Tree]) -> Iterator[Tree]:
    for machine in machines.values():
        yield machine
        yield from _all_machines(machine.get("containers", {}))


def _subnets(machines: Sequence[Tree]) -> list[str]:
    """The machines' addresses with the mask of their class, which is what Juju shows here."""
    nets = set()
    for machine in machines:
        for text in machine.get("ip-addresses", ()):
            address = ipaddress.ip_address(text)
            first = address.packed[0]
            if address.version == 4:
                nets.add(f"{text}/{8 if first < 128 else 16 if first < 192 else 24}")
    return sorted(nets)
