"""Fills a model with the machines and applications that a lab file describes: what is missing is added."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from jujulab.lab.labspec import ApplicationSpec, ModelSpec
from jujulab_core.rpc import Client
from jujulab_core.rpc.results import check_all


class Call(NamedTuple):
    """A call to make on the model's connection."""

    facade: str
    method: str
    params: dict[str, Any]


def fill_model(client: Client, spec: ModelSpec, config: Mapping[str, str]) -> None:
    """Adds the machines, applications, units and subordinates that the model lacks.

    Args:
        client: A connection to the model.
        spec: What it shall have at least; nothing is removed.
        config: What its configuration shall hold.

    Raises:
        JujulabError: The controller refused something.
    """
    if config:
        client.call("ModelConfig", "ModelSet", {"config": dict(config)})
    machines, applications = missing(client.call("Client", "FullStatus", {"patterns": None}), spec)
    if machines:
        added = client.call("MachineManager", "AddMachines", {"params": machines})
        check_all({"results": added["machines"]})
        # Units are placed by the ids that the controller gave the new machines.
        _, applications = missing(client.call("Client", "FullStatus", {"patterns": None}), spec)
    for call in applications:
        check_all(client.call(*call))


def missing(status: Mapping[str, Any], spec: ModelSpec) -> tuple[list[dict[str, Any]], list[Call]]:
    """What must be added: the parameters of new machines, and the calls for applications.

    Units go round the machines in order of their ids, application after application, so that three machines with
    three units have one each.
    """
    ids = sorted((status.get("machines") or {}), key=int)
    wanted = len(ids) if spec.keeps_machines and ids else spec.machines
    machines = [{"series": spec.series, "jobs": ["JobHostUnits"]} for _ in range(wanted - len(ids))]
    calls: list[Call] = []
    at = 0
    present = status.get("applications") or {}
    for application in spec.applications:
        targets = [ids[(at + offset) % len(ids)] for offset in range(application.units)] if ids else []
        at += application.units
        calls += _application(application, present, targets, spec.series)
    return machines, calls


def _application(spec: ApplicationSpec, present: Mapping[str, Any], targets: list[str], series: str) -> list[Call]:
    calls = []
    found = present.get(spec.name)
    have = len((found or {}).get("units") or {})
    placement = [{"scope": "#", "directive": machine} for machine in targets[have:]]
    if found is None:
        calls.append(_deploy(spec.name, spec.charm or spec.name, series, spec.units, placement))
    elif placement:
        params = {"application": spec.name, "num-units": len(placement), "placement": placement}
        calls.append(Call("Application", "AddUnits", params))
    for name in spec.subordinates:
        if name not in present:
            calls.append(_deploy(name, name, series, 0, [], subordinate=True))
        if name not in present or spec.name not in (present[name].get("subordinate-to") or []):
            calls.append(Call("Application", "AddRelation", {"endpoints": [spec.name, name]}))
    return calls


def _deploy(
    name: str,
    charm: str,
    series: str,
    units: int,
    placement: list[dict[str, str]],
    *,
    subordinate: bool = False,
) -> Call:
    application: dict[str, Any] = {
        "application": name,
        "charm-url": charm,
        "series": series,
        "num-units": units,
        "placement": placement,
    }
    if subordinate:
        application["subordinate"] = True
    return Call("Application", "Deploy", {"applications": [application]})
