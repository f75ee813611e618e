"""Looking at a lab: what the controller says, what the machines are, what the internet served. Each look is a value."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib import resources
from typing import Any

from docker.models.containers import Container

from jujulab.lab import names, publish
from jujulab.lab.engine import Engine
from jujulab_core.errors import HostError, JujulabError
from jujulab_core.rpc import Client
from jujulab_core.tags import unit_tag

Json = dict[str, Any]
PYTHON = "/usr/bin/python3"
ACCESS_LOG = "/var/log/nginx/access.log"
STREAMS_ROOT = "/srv/streams/juju/tools"


@functools.cache
def _probe() -> str:
    return resources.files("jujulab.history").joinpath("probe.py").read_text()


def machine(engine: Engine, container: Container, controller_model: str, *, deep: bool = False) -> Json | None:
    """What a machine's disk and processes say; None while nothing can be run there.

    Args:
        engine: The Docker engine.
        container: The machine's.
        controller_model: The model of a container that names none: the controller's own.
        deep: Also hash the programs and, on a controller, the cache.
    """
    with suppress(JujulabError, ValueError):
        command = [PYTHON, "-IS", "-c", _probe(), *(["deep"] if deep else [])]
        found: Json = json.loads(engine.run_in(container, command))
        return {
            "instance": container.attrs["Config"]["Hostname"],
            "model": container.labels.get(names.LABEL_MODEL, controller_model),
            "machine": container.labels.get(names.LABEL_MACHINE, "0"),
            **found,
        }
    return None


def fetches(engine: Engine, lab: str, skip: int) -> tuple[list[Json], int]:
    """The agent binaries that the internet served since a number of lines of its log; and the new number."""
    container = engine.find(names.container(lab, names.STREAMS))
    if container is None:
        return [], skip
    try:
        lines = engine.run_in(container, ["tail", "-n", f"+{skip + 1}", ACCESS_LOG]).splitlines()
    except JujulabError:
        return [], skip
    found = []
    for number, line in enumerate(lines, skip + 1):
        with suppress(ValueError):
            entry = json.loads(line)
            if entry["method"] == "GET" and entry["uri"].endswith(".tgz"):
                found.append({**entry, "line": number})
    return found, skip + len(lines)


def published(engine: Engine, lab: str) -> list[Json]:
    """What the internet offers, each with the hash of the program inside; nothing while the internet is away."""
    try:
        entries = publish.offered(engine, lab)
        container = engine.find(names.container(lab, names.STREAMS))
        if container is None:
            return []
        script = (
            'for path; do echo "$path $(sha256sum <"$path" | cut -d" " -f1) '
            '$(tar xzOf "$path" jujud 2>/dev/null | sha256sum | cut -d" " -f1)"; done'
        )
        paths = sorted({f"{STREAMS_ROOT}/{entry['path']}" for entry in entries})
        said = engine.run_in(container, ["sh", "-c", script, "sh", *paths])
    except (JujulabError, HostError):
        return []
    hashes = {path: (tarball, program) for path, tarball, program in map(str.split, said.splitlines())}
    return [
        {
            "binary": entry["binary"],
            "path": entry["path"],
            "sha256": entry["sha256"],
            "size": entry["size"],
            # The program of a tarball that is damaged on purpose says nothing.
            "jujud-sha256": program if tarball == entry["sha256"] else "",
        }
        for entry in entries
        for tarball, program in [hashes.get(f"{STREAMS_ROOT}/{entry['path']}", ("", ""))]
    ]


def models(client: Client, controller_model: str) -> list[Json]:
    """All models: ``name``, ``uuid``, ``controller`` (whether it is the controller's)."""
    found = client.call("ModelManager", "ListModels", {"tag": "user-admin"})["user-models"]
    return [
        {
            "name": entry["model"]["name"],
            "uuid": entry["model"]["uuid"],
            "controller": entry["model"]["uuid"] == controller_model,
        }
        for entry in found
    ]


def model(client: Client, known: Mapping[str, Any]) -> Json:
    """A model's version and what its agents report."""
    status = client.call("Client", "FullStatus", {"patterns": None})
    return {**known, "version": status["model"]["version"], "agents": dict(_agents(status))}


def _agents(status: Mapping[str, Any]) -> Iterator[tuple[str, Json]]:
    for number, entry in (status.get("machines") or {}).items():
        yield f"machine-{number}", _agent(entry["agent-status"])
    for application in (status.get("applications") or {}).values():
        for name, unit in (application.get("units") or {}).items():
            yield from _unit(name, unit)


def _unit(name: str, unit: Mapping[str, Any]) -> Iterator[tuple[str, Json]]:
    yield unit_tag(name), _agent(unit["agent-status"])
    for subordinate, entry in (unit.get("subordinates") or {}).items():
        yield from _unit(subordinate, entry)


def _agent(status: Mapping[str, Any]) -> Json:
    return {"version": status.get("version") or "", "status": status["status"]}


def records(client: Client) -> list[Json]:
    """The headers of all upgrades that were ever asked for."""
    found: list[Json] = client.call("LabUpgrades", "List", {})["upgrades"]
    keys = ("id", "model-uuid", "from", "to", "status")
    return [{key: entry[key] for key in keys} for entry in found]


def upgrade(client: Client, number: int) -> Json:
    """One upgrade with the phases of its agents."""
    record: Json = client.call("LabUpgrades", "Get", {"id": number})
    agents = {
        agent["tag"]: {"machine": machine["id"], **{key: agent[key] for key in ("phase", "reason", "deadline")}}
        for machine in record["machines"]
        for agent in machine["agents"]
    }
    keys = ("id", "model-uuid", "is-controller", "from", "to", "status", "reason", "options", "retries", "accepted")
    return {key: record[key] for key in keys if key in record} | {"agents": agents}


def changes(client: Client, after: int) -> list[Json]:
    """The controller's record of every change of phase or status behind a number."""
    found: list[Json] = []
    while batch := client.call("LabUpgrades", "Events", {"after": after})["events"]:
        found += batch
        after = max(int(change["seq"]) for change in batch)
    return found
