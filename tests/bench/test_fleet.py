"""An upgrade of a whole model, against the floor: the same work inside the containers at once, with nobody in charge.

The floor ends, like the upgrade, when the new agents have logged in: a service that is merely started does nothing yet.

``JUJULAB_BENCH_MACHINES`` sets the size of the fleet (20). Only ratios of one run on one machine are compared.
"""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import docker
import pytest
from docker.models.containers import Container

from tests.e2e import support
from tests.e2e.support import run

pytestmark = pytest.mark.bench

MACHINES = int(os.environ.get("JUJULAB_BENCH_MACHINES", "20"))
# The design's budget: staging, exchange over SSH and verification cost at most a quarter of the floor.
MOST = 1.25
START_IN = 4.0

# What a machine does to itself: fetch, verify, unpack, link, restart. It waits for its start and notes its end.
FLOOR = """
set -eu
cd /var/lib/juju/tools
awk '/^[^ ]/ {{ on = /^cacert: \\|/; next }} on {{ sub(/^  /, ""); print }}' ../agents/machine-*/agent.conf >/tmp/ca.crt
while [ "$(date +%s%N)" -lt {start} ]; do sleep 0.02; done
curl -sf --cacert /tmp/ca.crt --connect-to juju-apiserver:17070:controller:17070 -o /tmp/tools.tgz \
    https://juju-apiserver:17070/model/{model}/tools/{binary}
echo "$(sha256sum </tmp/tools.tgz | cut -d ' ' -f 1)" >/dev/null
mkdir floor && tar -xzf /tmp/tools.tgz -C floor && sync floor && mv floor {binary}
for tag in machine-* unit-*; do ln -s $PWD/{binary} .$tag && mv -T .$tag $tag; done
sync .
before=$(cat /var/log/juju/*.log | grep -c "logged in to")
systemctl restart $(ls -d machine-* unit-* | sed s/^/jujud-/)
wanted=$((before + $(ls -d machine-* unit-* | wc -l)))
while [ "$(cat /var/log/juju/*.log | grep -c "logged in to")" -lt "$wanted" ]; do sleep 0.3; done
date +%s%N >/tmp/floor-done
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[support.Lab]:
    client = docker.from_env(timeout=300)
    try:
        size = ["--machines", str(MACHINES), "--units", str(MACHINES)]
        data = tmp_path_factory.mktemp("data")
        with support.lab(client, data, "bench", "bench", "--name", "bench", "--controller", "bench", *size) as made:
            made.juju("publish", "2.6.5", "2.6.10")
            made.juju("upgrade-controller", "--agent-version", "2.6.10", "--wait")
            yield made
    finally:
        client.close()


def test_an_upgrade_costs_little_more_than_the_work_itself(
    lab: support.Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    lab.juju("upgrade-model", "--agent-version", "2.6.5", "--wait")
    record = lab.juju.json("show-upgrade")
    ours = (datetime.fromisoformat(record["finished"]) - datetime.fromisoformat(record["started"])).total_seconds()
    floor = measure_floor(lab)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{MACHINES} machines, {2 * MACHINES} agents: {ours:.1f} s, floor {floor:.1f} s: {ours / floor:.2f}\n"
        )
    assert ours <= MOST * floor


def measure_floor(lab: support.Lab) -> float:
    """Seconds until the last machine has done it."""
    # The controller itself runs this version, so it is in its cache.
    model = lab.juju.json("show-model")["default"]["model-uuid"]
    start = time.time_ns() + int((START_IN + MACHINES * 0.1) * 1e9)
    script = FLOOR.format(start=start, model=model, binary="2.6.10-bionic-amd64")
    machines = lab.machines()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda machine: machine.exec_run(["sh", "-c", script], detach=True), machines))
        ends = list(pool.map(finished, machines))
    return (max(ends) - start) / 1e9


def finished(machine: Container) -> int:
    """When a machine was done, in nanoseconds of the epoch."""
    command = (
        f"timeout 120 sh -c {shlex.quote('until [ -s /tmp/floor-done ]; do sleep 0.2; done')}; cat /tmp/floor-done"
    )
    return int(run(machine, command))
