"""A model as the deltas of ``AllWatcher``; pure (the wire specification, section 11)."""

from __future__ import annotations

import json
from typing import Any

from jujulab_controller import charms, constraints
from jujulab_controller.config import effective
from jujulab_controller.state.machines import addresses_of
from jujulab_controller.status import Json, StatusBuilder, hardware

# What identifies an entity among deltas: its model, its kind and its name.
Key = tuple[str, str, str]


def entities(builder: StatusBuilder) -> dict[Key, Json]:
    """All entities of a model as a client should know them."""
    snapshot = builder.snapshot
    model, controller = snapshot.model, snapshot.controller
    uuid = {"model-uuid": model.uuid}
    found: dict[tuple[str, str], Json] = {
        ("model", model.uuid): uuid
        | {
            "name": model.name,
            "life": model.life,
            "owner": f"user-{model.owner}",
            "controller-uuid": controller.uuid,
            "is-controller": snapshot.is_controller,
            "config": {key: entry["value"] for key, entry in effective(model, controller).items()},
            "status": _current(builder.model()["model-status"]),
            "constraints": json.loads(model.constraints),
            "sla": {"level": "unsupported", "owner": ""},
            "type": "iaas",
            "cloud": controller.cloud,
            "cloud-region": controller.region,
            "version": model.agent_version,
        }
    }
    for machine in snapshot.machines:
        found["machine", machine.id] = uuid | _machine(builder, machine)
    for app in snapshot.applications:
        found["application", app.name] = uuid | _application(builder, app)
        found["charm", app.charm_url] = uuid | {
            "charm-url": app.charm_url,
            "charm-version": "",
            "life": "alive",
            "profile": None,
        }
    series = {app.name: app for app in snapshot.applications}
    for unit in snapshot.units:
        found["unit", unit.name] = uuid | _unit(builder, unit, series[unit.application])
    for relation in snapshot.relations:
        found["relation", relation.key] = uuid | _relation(relation)
    for tag, pairs in snapshot.annotations.items():
        found["annotation", tag] = uuid | {"tag": tag, "annotations": pairs}
    return {(model.uuid, kind, name): entity for (kind, name), entity in found.items()}


def changes(before: dict[Key, Json], after: dict[Key, Json]) -> list[list[Any]]:
    """The deltas that lead from one picture to another."""
    gone = [[key[1], "remove", entity] for key, entity in before.items() if key not in after]
    changed = [[key[1], "change", entity] for key, entity in after.items() if before.get(key) != entity]
    return gone + changed


def _current(entry: Json) -> Json:
    return {
        "current": entry["status"],
        "message": entry["info"],
        "since": entry["since"],
        "version": entry["version"],
    }


def _machine(builder: StatusBuilder, machine: Any) -> Json:
    entry = builder.machine(machine)
    return {
        "id": machine.id,
        "instance-id": machine.instance_id,
        "agent-status": _current(entry["agent-status"]),
        "instance-status": _current(entry["instance-status"]),
        "life": machine.life,
        "series": machine.series,
        "base": f"{entry['base']['name']}@{entry['base']['channel'].split('/')[0]}",
        "container-type": "",
        "supported-containers": [],
        "supported-containers-known": True,
        "hardware-characteristics": hardware(machine),
        "jobs": entry["jobs"],
        "addresses": [
            {"value": address, "type": "ipv6" if ":" in address else "ipv4", "scope": "local-cloud"}
            for address in addresses_of(machine)
        ],
        "has-vote": entry["has-vote"],
        "wants-vote": entry["wants-vote"],
        "hostname": machine.instance_id,
    }


def _application(builder: StatusBuilder, app: Any) -> Json:
    return {
        "name": app.name,
        "exposed": bool(app.exposed),
        "charm-url": app.charm_url,
        "owner-tag": "",
        "life": app.life,
        "min-units": 0,
        "constraints": constraints.load(app.constraints),
        "config": json.loads(app.config),
        "subordinate": bool(app.subordinate),
        "status": _current(builder.application(app)),
        "workload-version": app.workload_version,
    }


def _unit(builder: StatusBuilder, unit: Any, app: Any) -> Json:
    address = builder.address(unit.machine_id)
    return {
        "name": unit.name,
        "application": unit.application,
        "series": app.series,
        "charm-url": app.charm_url,
        "life": unit.life,
        "public-address": address,
        "private-address": address,
        "machine-id": unit.machine_id,
        "ports": [{"protocol": "tcp", "number": unit.port}],
        "port-ranges": [{"from-port": unit.port, "to-port": unit.port, "protocol": "tcp"}],
        "principal": unit.principal,
        "subordinate": bool(unit.principal),
        "workload-status": _current(builder.workload(unit)),
        "agent-status": _current(builder.unit_agent(unit)),
    }


def _relation(relation: Any) -> Json:
    return {
        "key": relation.key,
        "id": relation.id,
        "endpoints": [
            {
                "application-name": end["application"],
                "relation": charms.endpoint(end, relation.interface, relation.scope),
            }
            for end in json.loads(relation.endpoints)
        ],
    }
