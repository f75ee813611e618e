"""Status as ``Client.FullStatus`` tells it; pure: rows in, JSON out.

Sources: the Juju upgrade specification, section F; the wire specification, section 10.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from sqlalchemy import Row

from jujulab_controller import charms, constraints
from jujulab_controller.state.machines import addresses_of
from jujulab_controller.state.snapshot import Snapshot
from jujulab_core.tags import machine_tag, unit_tag

NOT_COMMUNICATING = "agent is not communicating with the server"
# An agent that never came up is not lost: it is still on its way (section F.2).
_STARTING = ("pending", "allocating", "installing")

IsLost = Callable[[str], bool]
Json = dict[str, Any]


def status(word: str, info: str, since: str | None, *, version: str = "", kind: str = "", life: str = "alive") -> Json:
    """One status as the wire has it."""
    return {
        "status": word,
        "info": info,
        "data": {},
        "since": since or None,
        "kind": kind,
        "version": version,
        "life": life,
    }


def hardware(machine: Row[Any]) -> Json:
    """A machine's hardware. All machines of a lab share that of its host, so none has a part of it that is its own."""
    return {"arch": machine.arch, "cores": 0, "mem": 0}


class StatusBuilder:
    """Builds the parts of one model's status."""

    def __init__(self, snapshot: Snapshot, is_lost: IsLost) -> None:
        """Takes the rows.

        Args:
            snapshot: The model.
            is_lost: Tells by its tag whether an agent has been absent for too long.
        """
        self.snapshot = snapshot
        self._is_lost = is_lost
        self._units: dict[str, list[Row[Any]]] = {}
        self._subordinates: dict[str, list[Row[Any]]] = {}
        for unit in snapshot.units:
            self._units.setdefault(unit.application, []).append(unit)
            if unit.principal:
                self._subordinates.setdefault(unit.principal, []).append(unit)
        self._machines = {machine.id: machine for machine in snapshot.machines}

    def machine_agent(self, machine: Row[Any]) -> Json:
        """A machine agent's status: ``started``, ``down``, ..."""
        agent = self.snapshot.agents[machine_tag(machine.id)]
        word, info = agent.status, agent.message
        if word not in _STARTING and self._is_lost(agent.tag):
            word, info = "down", NOT_COMMUNICATING
        return status(word, info, agent.since, version=agent.version, life=machine.life)

    def instance(self, machine: Row[Any]) -> Json:
        """A machine's instance: ``pending`` or ``running``."""
        if machine.instance_id:
            return status("running", "Running", machine.provisioned, life=machine.life)
        return status("pending", "", machine.created, life=machine.life)

    def unit_agent(self, unit: Row[Any]) -> Json:
        """A unit agent's status: ``idle``, ``lost``, ..."""
        agent = self.snapshot.agents[unit_tag(unit.name)]
        word, info = agent.status, agent.message
        if self._unit_is_lost(agent):
            word, info = "lost", NOT_COMMUNICATING
        return status(word, info, agent.since, version=agent.version, life=unit.life)

    def workload(self, unit: Row[Any]) -> Json:
        """A unit's workload: ``active``, ``unknown``, ..."""
        word, info = unit.workload_status, unit.workload_message
        if word != "error" and self._unit_is_lost(self.snapshot.agents[unit_tag(unit.name)]):
            word, info = "unknown", f"agent lost, see 'juju show-status-log {unit.name}'"
        return status(word, info, unit.workload_since, life=unit.life)

    def application(self, application: Row[Any]) -> Json:
        """An application's status: the most telling one of its units'."""
        units = self._units.get(application.name, [])
        if not units:
            word = "unknown" if application.subordinate else "waiting"
            info = "" if application.subordinate else "waiting for machine"
            return status(word, info, application.since, life=application.life)
        return min((self.workload(unit) for unit in units), key=_severity)

    def address(self, machine_id: str) -> str:
        """The preferred address of a machine, or an empty string."""
        machine = self._machines.get(machine_id)
        return next(iter(addresses_of(machine)), "") if machine is not None else ""

    def leader(self, application: str) -> str:
        """The unit that leads an application: the oldest; empty without units."""
        units = self._units.get(application, [])
        return min(units, key=lambda unit: int(unit.number)).name if units else ""

    def full(self, patterns: list[str], *, include_storage: bool = False) -> Json:
        """The whole answer to ``FullStatus``.

        Args:
            patterns: Names of applications, units and machines (``*`` matches); none for everything.
            include_storage: Whether the (empty) lists of storage are wanted.
        """
        units = [unit for unit in self.snapshot.units if _unit_wanted(unit, patterns)]
        names = {unit.name for unit in units} | {unit.principal for unit in units}
        apps = {unit.application for unit in self.snapshot.units if unit.name in names}
        hosts = {unit.machine_id for unit in units}
        answer: Json = {
            "model": self.model(),
            "machines": {
                machine.id: self.machine(machine)
                for machine in self.snapshot.machines
                if not patterns or machine.id in hosts or _matches(machine.id, patterns)
            },
            "applications": {
                app.name: self.application_entry(app, names)
                for app in self.snapshot.applications
                if not patterns or app.name in apps or _matches(app.name, patterns)
            },
            "remote-applications": {},
            "offers": {},
            "relations": [self.relation(relation) for relation in self.snapshot.relations],
            "branches": {},
        }
        if include_storage:
            answer |= {"storage": [], "filesystems": [], "volumes": []}
        return answer

    def model(self) -> Json:
        """The model's own part."""
        model, controller = self.snapshot.model, self.snapshot.controller
        return {
            "name": model.name,
            "type": "iaas",
            "cloud-tag": f"cloud-{controller.cloud}",
            "region": controller.region,
            "version": model.agent_version,
            "available-version": model.available_version,
            "model-status": status(model.status, model.status_message, model.status_since, life=model.life),
            "meter-status": {"color": "", "message": ""},
            "sla": "unsupported",
        }

    def machine(self, machine: Row[Any]) -> Json:
        """One machine."""
        addresses = addresses_of(machine)
        is_controller = bool(machine.manager)
        # One that is on its way has no vote yet.
        has_vote = is_controller and self.snapshot.agents[machine_tag(machine.id)].status not in _STARTING
        return {
            "agent-status": self.machine_agent(machine),
            "instance-status": self.instance(machine),
            "modification-status": status("idle", "", machine.created, life=machine.life),
            "hostname": machine.instance_id,
            "dns-name": next(iter(addresses), ""),
            "ip-addresses": addresses,
            "instance-id": machine.instance_id,
            "display-name": machine.instance_id,
            "series": machine.series,
            "base": charms.base_of(machine.series),
            "id": machine.id,
            "network-interfaces": _interfaces(addresses),
            "containers": {},
            "constraints": machine.constraints,
            "hardware": constraints.shown(hardware(machine)),
            "jobs": ["JobManageModel", "JobHostUnits"] if is_controller else ["JobHostUnits"],
            "has-vote": has_vote,
            "wants-vote": is_controller,
            "lxd-profiles": {},
        } | ({"primary-controller-machine": True} if self._is_primary(machine) else {})

    def application_entry(self, app: Row[Any], shown: set[str]) -> Json:
        """One application with those of its units that are shown."""
        related: dict[str, list[str]] = {}
        principals = []
        for relation in self.snapshot.relations:
            ends = json.loads(relation.endpoints)
            mine = [end for end in ends if end["application"] == app.name]
            for end in mine:
                others = [other for other in ends if other is not end]
                related.setdefault(end["name"], []).extend(other["application"] for other in others)
                if app.subordinate:
                    principals += [other["application"] for other in others if not other["subordinate"]]
        units = [] if app.subordinate else self._units.get(app.name, [])
        return {
            "charm": app.charm_url,
            "charm-version": "",
            "charm-profile": "",
            "charm-channel": app.charm_channel,
            "charm-rev": app.charm_rev,
            "series": app.series,
            "base": charms.base_of(app.series),
            "exposed": bool(app.exposed),
            "life": app.life,
            "relations": {name: sorted(apps) for name, apps in related.items()},
            "can-upgrade-to": "",
            "subordinate-to": sorted(principals),
            "units": {unit.name: self.unit(unit) for unit in units if unit.name in shown},
            "meter-statuses": {},
            "status": self.application(app),
            "workload-version": app.workload_version,
            "endpoint-bindings": {},
            "public-address": "",
        }

    def unit(self, unit: Row[Any]) -> Json:
        """One unit with its subordinates."""
        entry: Json = {
            "agent-status": self.unit_agent(unit),
            "workload-status": self.workload(unit),
            "workload-version": self._workload_version(unit),
            "machine": "" if unit.principal else unit.machine_id,
            "opened-ports": [f"{unit.port}/tcp"],
            "public-address": self.address(unit.machine_id),
            "charm": "",
            "subordinates": {other.name: self.unit(other) for other in self._subordinates.get(unit.name, [])},
        }
        if unit.name == self.leader(unit.application):
            entry["leader"] = True
        return entry

    def relation(self, relation: Row[Any]) -> Json:
        """One relation."""
        return {
            "id": relation.id,
            "key": relation.key,
            "interface": relation.interface,
            "scope": relation.scope,
            "endpoints": json.loads(relation.endpoints),
            "status": status("joined", "", relation.since),
        }

    def _is_primary(self, machine: Row[Any]) -> bool:
        """Whether it leads others; a controller that is alone is not said to."""
        leads = machine.manager and machine.id == self.snapshot.controller.primary_machine
        return bool(leads) and sum(other.manager for other in self.snapshot.machines) > 1

    def _unit_is_lost(self, agent: Row[Any]) -> bool:
        return agent.status not in _STARTING and self._is_lost(agent.tag)

    def _workload_version(self, unit: Row[Any]) -> str:
        return next((app.workload_version for app in self.snapshot.applications if app.name == unit.application), "")


# Juju shows an application in the worst state of its units.
_SEVERITY = ("error", "blocked", "maintenance", "waiting", "active", "unknown")


def _severity(entry: Json) -> int:
    word = entry["status"]
    return _SEVERITY.index(word) if word in _SEVERITY else len(_SEVERITY)


def _matches(name: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _unit_wanted(unit: Row[Any], patterns: list[str]) -> bool:
    # Subordinates come with the principals that are asked for.
    names = (unit.name, unit.application, unit.machine_id, unit.principal, unit.principal.partition("/")[0])
    return not patterns or any(_matches(name, patterns) for name in names if name)


def _interfaces(addresses: list[str]) -> Json:
    if not addresses:
        return {}
    # The MAC of a container on a bridge is made from its first IPv4 address.
    numbers = next((address.split(".") for address in addresses if address.count(".") == 3), [])
    mac = ":".join(["02", "42", *(f"{int(part):02x}" for part in numbers)]) if numbers else ""
    return {"eth0": {"ip-addresses": addresses, "mac-address": mac, "is-up": True}}
