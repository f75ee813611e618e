"""What must hold behind every upgrade, whoever was killed in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from docker.models.containers import Container

from tests.chaos.crash_lab import CrashLab
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


def problems(made: CrashLab, kind: str, version: str) -> Iterator[str]:
    """What is not as it must be once the upgrade of this kind to this version is over."""
    lab = made.lab
    record = lab.juju.json("show-upgrade", "-c", lab.controller)
    yield from _record(record, version)
    machines = [made.places["controller"]] if kind == "controller" else lab.machines()
    for container in machines:
        yield from _machine(container, version)
    yield from _leftovers(made.places["controller"])


def _record(record: dict[str, Any], version: str) -> Iterator[str]:
    if record["to"] != version or record["status"] != "complete":
        yield f"upgrade {record['id']} to {record['to']} is {record['status']}: {record['reason']}"
    for machine in record["machines"]:
        for agent in machine["agents"]:
            if agent["phase"] != "done" or agent["version"] != version or not agent["connected"]:
                yield f"{agent['tag']}: {agent['phase']}, reports {agent['version']}, connected: {agent['connected']}"
            elif agent["status"] not in ("started", "idle"):
                yield f"{agent['tag']} is {agent['status']}: {agent['message']}"


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
