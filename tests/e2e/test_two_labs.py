"""Two labs side by side in one client store, which is laid out as Juju's; and a lab that comes back elsewhere."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from docker import DockerClient

from jujulab.images import image_tag
from jujulab.lab import controllers, names
from jujulab.lab.engine import Engine
from tests.e2e import support
from tests.e2e.support import Lab

pytestmark = pytest.mark.e2e

# What clients read of each entry (the wire compatibility notes, section 14).
CONTROLLER_KEYS = {
    "uuid",
    "api-endpoints",
    "unresolved-api-endpoints",
    "dns-cache",
    "ca-cert",
    "cloud",
    "region",
    "type",
    "agent-version",
    "controller-machine-count",
    "active-controller-machine-count",
    "machine-count",
}


@pytest.fixture(scope="module")
def both(engine: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, Lab]]:
    """A lab of one machine and another, which the same user has and makes at the same time."""
    data = tmp_path_factory.mktemp("data")

    def lab(name: str) -> AbstractContextManager[Lab]:
        words = ("--machines", "1", "--units", "1", "--agent-version", "2.6.4")
        return support.lab(engine, data, name, f"{name}-aws", "--name", name, "--controller", f"{name}-aws", *words)

    with ExitStack() as stack:
        with ThreadPoolExecutor() as pool:
            left, right = pool.map(stack.enter_context, (lab("left"), lab("right")))
        left.juju("publish", "2.6.5", "2.6.10", "-c", "left-aws")
        yield left, right


def read(lab: Lab, file: str) -> Any:
    path = lab.juju.data / file
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return yaml.safe_load(path.read_text())


def test_the_store_has_two_controllers_as_juju_writes_them(both: tuple[Lab, Lab]) -> None:
    left, right = both
    store = read(left, "controllers.yaml")
    assert set(store["controllers"]) == {"left-aws", "right-aws"}
    assert store["current-controller"] in store["controllers"]
    for entry in store["controllers"].values():
        assert set(entry) == CONTROLLER_KEYS
        assert entry["agent-version"] == "2.6.4"
        assert entry["ca-cert"].startswith("-----BEGIN CERTIFICATE-----")
    endpoints = [tuple(entry["api-endpoints"]) for entry in store["controllers"].values()]
    assert len(set(endpoints)) == 2
    for entry in read(left, "accounts.yaml")["controllers"].values():
        assert (entry["user"], entry["last-known-access"]) == ("admin", "superuser")
    for entry in read(left, "models.yaml")["controllers"].values():
        assert set(entry["models"]) == {"admin/controller", "admin/default"}
        assert all(set(model) == {"uuid", "type"} for model in entry["models"].values())
        assert entry["current-model"] == "admin/default"
    assert read(left, "clouds.yaml") == {
        "clouds": {"docker": {"type": "docker", "auth-types": ["empty"], "regions": {"left": {}, "right": {}}}}
    }
    one = {"auth-type": "empty"}
    assert read(left, "credentials.yaml") == {"credentials": {"docker": {"left": one, "right": one}}}
    for name in ("left-aws", "right-aws"):
        assert (Path(left.juju.data) / "cookies" / f"{name}.json").read_text() == "[]"
    assert set(right.juju.json("controllers")["controllers"]) == {"left-aws", "right-aws"}


def test_an_upgrade_of_one_does_not_touch_the_other(both: tuple[Lab, Lab]) -> None:
    left, right = both
    left.juju("upgrade-controller", "-c", "left-aws", "--agent-version", "2.6.5", "--wait")
    left.juju("upgrade-model", "-m", "left-aws:default", "--agent-version", "2.6.5", "--wait")
    assert set(left.versions().values()) == {"2.6.5"}
    assert set(right.versions().values()) == {"2.6.4"}
    store = read(left, "controllers.yaml")["controllers"]
    assert [store[name]["agent-version"] for name in ("left-aws", "right-aws")] == ["2.6.5", "2.6.4"]


def test_a_lab_that_comes_back_on_other_addresses_is_found(both: tuple[Lab, Lab]) -> None:
    left, _ = both

    def addresses() -> dict[str, str]:
        network = names.network("left")
        return {
            box.name: box.attrs["NetworkSettings"]["Networks"][network]["IPAddress"]
            for box in [left.container("controller"), left.machine(0)]
        }

    before = addresses()
    left.juju("stop", "left")
    with Engine() as engine:
        # Nobody who comes now gets the port that it needs again.
        kept = controllers.api_port(left.container("controller"))
        assert kept not in controllers.free_ports(engine)
        assert list(controllers.free_ports(engine, kept)) == [kept]
    # Whoever is there first gets the addresses that the lab had.
    squatters = [
        left.docker.containers.run(
            image_tag("base"),
            ["sleep", "infinity"],
            detach=True,
            init=True,
            network=names.network("left"),
            labels=names.labels("left", names.HELPER),
        )
        for _ in before
    ]
    try:
        left.juju("start", "left")
        now = addresses()
        assert all(now[name] != address for name, address in before.items())
        assert left.status()["machines"]["0"]["ip-addresses"] == [now[left.machine(0).name]]
        left.juju("upgrade-controller", "-c", "left-aws", "--agent-version", "2.6.10", "--wait")
        left.juju("upgrade-model", "-m", "left-aws:default", "--agent-version", "2.6.10", "--wait")
        assert set(left.versions().values()) == {"2.6.10"}
    finally:
        for squatter in squatters:
            squatter.remove(force=True)
