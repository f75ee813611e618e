"""What must hold behind every upgrade, whoever was killed in it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from docker.models.containers import Container

from tests.chaos.upgrade_kinds import Upgrade
from tests.e2e.support import run

# Links and where they lead; then files of steps that were not finished; then processes and services that should not be.
_LOOK = """
cd /var/lib/juju
for link in tools/machine-* tools/unit-*; do
    [ -L $link ] || continue
    [ -x $link/jujud ] && [ -s $link/downloaded-tools.txt ] || echo "broken $link"
    echo "link $link $(readlink $link)"
done
find . -name 'unpacking-*' -o -name '.download-*' -o -name 'tmp-*' -o -name '*.new' -o -name '*~' | sed 's/^/leftover /'
[ ! -d db/binaries/partial ] || find db/binaries/partial -type f | sed 's/^/leftover /'
pgrep -a -x upgradectl | sed 's/^/process /'
systemctl list-units --state failed --no-legend --plain | sed 's/^/failed /'
"""
_BLOB = "cd /var/lib/juju/db/binaries/blobs && for blob in *; do sha256sum $blob; done"
# What the controller wants of its models, and what no model is to get.
_STATE = """
import sqlite3
db = sqlite3.connect("file:/var/lib/juju/db/controller.db?mode=ro", uri=True)
for name, version in db.execute("select name, agent_version from models"):
    print("model", name, version)
for (version,) in db.execute("select version from quarantine"):
    print("quarantine", version)
"""


def problems(upgrade: Upgrade) -> Iterator[str]:
    """What is not as it must be once an upgrade is over."""
    made = upgrade.lab
    lab, is_controller = made.lab, upgrade.kind == "controller"
    yield from _record(lab.juju.json("show-upgrade", "-c", lab.controller), upgrade)
    machines = [made.places["controller"]] if is_controller else lab.machines()
    for container in machines:
        yield from _machine(container, upgrade.wanted)
    yield from _leftovers(made.places["controller"])
    yield from _wanted(made.places["controller"], upgrade, "controller" if is_controller else "default")


def _record(record: dict[str, Any], upgrade: Upgrade) -> Iterator[str]:
    ending, version = upgrade.ending, upgrade.wanted
    if record["to"] != upgrade.version or record["status"] != ending.status:
        yield f"upgrade {record['id']} to {record['to']} is {record['status']}: {record['reason']}"
    ids = {machine["id"] for machine in record["machines"]}
    if ids != set(ending.phases):
        yield f"the record has machines {sorted(ids)} instead of {sorted(ending.phases)}"
    for machine in record["machines"]:
        phase = ending.phases.get(machine["id"], "none of it")
        for agent in machine["agents"]:
            if agent["phase"] != phase or agent["version"] != version or not agent["connected"]:
                yield (
                    f"{agent['tag']}: {agent['phase']} instead of {phase}, reports {agent['version']} instead of "
                    f"{version}, connected: {agent['connected']}"
                )
            elif agent["status"] not in ("started", "idle"):
                yield f"{agent['tag']} is {agent['status']}: {agent['message']}"


def _wanted(controller: Container, upgrade: Upgrade, model: str) -> Iterator[str]:
    said = run(controller, f"/opt/jujulab/bin/python -c {shlex.quote(_STATE)}").splitlines()
    # One that failed by itself is still wanted; who gives it up puts it back as a whole.
    version = upgrade.wanted if upgrade.ending.status == "aborted" else upgrade.version
    if f"model {model} {version}" not in said:
        yield f"model {model} is not at {version}: {said}"
    if (f"quarantine {upgrade.version}" in said) is not upgrade.ending.goes_back:
        yield f"{upgrade.version} is {'not ' if upgrade.ending.goes_back else ''}in quarantine: {said}"


def _machine(container: Container, version: str) -> Iterator[str]:
    links = 0
    for line in run(container, _LOOK).splitlines():
        kind, _, what = line.partition(" ")
        if kind != "link":
            yield f"{container.name}: {line}"
        elif f"/tools/{version}-" not in what:
            yield f"{container.name}: {what} does not lead to {version}"
        links += kind == "link"
    if not links:
        yield f"{container.name} has no links"


def _leftovers(controller: Container) -> Iterator[str]:
    for line in run(controller, _LOOK).splitlines():
        if not line.startswith("link "):
            yield f"{controller.name}: {line}"
    for line in run(controller, _BLOB).splitlines():
        sha256, name = line.split()
        if sha256 != name:
            yield f"the cache holds {name}, whose SHA-256 is {sha256}"
