"""The client store, with two controllers in it, as clients read it; and a lab that comes back at other addresses."""

from __future__ import annotations

import pytest

from jujulab.images import image_tag
from jujulab.lab import names
from tests.compat import environments
from tests.compat.environments import Environment, client_store
from tests.compat.table import Table
from tests.e2e.support import PROGRAM, Lab

pytestmark = pytest.mark.e2e

MODEL = "readers"


def look(client: Environment, package: str, lab: Lab, model: str) -> dict[str, object]:
    """What jubilant or jubilant-backports reads of a model."""
    words = ("jubilant_status.py", package, str(PROGRAM), model)
    facts = client.run(*words, env=client_store(lab)).check().facts["Juju.status"]
    assert isinstance(facts, dict)
    assert facts["agents"]
    assert {version for _, version in facts["agents"].values()} == set(lab.versions(model.rpartition(":")[2]).values())
    return facts


@pytest.fixture(scope="module")
def jubilant(table: Table) -> Environment:
    return environments.python("jubilant", "jubilant 1.14.0", table)


@pytest.fixture(scope="module")
def backports(table: Table) -> Environment:
    return environments.python("jubilant-backports", "jubilant-backports 1.4.0", table)


def test_libjuju_of_each_era_finds_its_controller_of_two(
    libjuju29: Environment, libjuju36: Environment, lab29: Lab, lab36: Lab
) -> None:
    for client, mine, other in ((libjuju36, lab36, lab29), (libjuju29, lab29, lab36)):
        # Whoever was switched to a model that was destroyed has none.
        mine.juju("switch", f"{mine.controller}:{MODEL}")
        client.run("libjuju_store.py", mine.controller, other.controller, env=client_store(mine)).check()


def test_jubilant_reads_both(jubilant: Environment, backports: Environment, lab29: Lab, lab36: Lab) -> None:
    lab29.juju("switch", lab29.controller)
    # A controller that is named is taken, whatever the current one is; what is not named is of the current one.
    look(jubilant, "jubilant", lab36, f"{lab36.controller}:jubilant")
    look(backports, "jubilant_backports", lab29, f"{lab29.controller}:default")
    look(backports, "jubilant_backports", lab36, f"{lab36.controller}:jubilant")
    lab36.juju("switch", lab36.controller)
    look(jubilant, "jubilant", lab36, "jubilant")


def test_a_lab_that_comes_back_at_other_addresses_is_found(
    libjuju29: Environment, backports: Environment, lab29: Lab
) -> None:
    network = names.network(lab29.name)

    def addresses() -> dict[str, str]:
        boxes = [lab29.container("controller"), lab29.machine(0)]
        return {box.name: box.attrs["NetworkSettings"]["Networks"][network]["IPAddress"] for box in boxes}

    before = addresses()
    lab29.juju("stop", lab29.name)
    # Whoever is there first gets the addresses that the lab had.
    squatters = [
        lab29.docker.containers.run(
            image_tag("base"),
            ["sleep", "infinity"],
            detach=True,
            init=True,
            network=network,
            labels=names.labels(lab29.name, names.HELPER),
        )
        for _ in lab29.docker.containers.list(all=True, filters={"label": f"io.jujulab.lab={lab29.name}"})
    ]
    try:
        lab29.juju("start", lab29.name)
        now = addresses()
        assert not set(before.values()) & set(now.values())
        libjuju29.run(
            *("libjuju_found.py", lab29.controller, "default", now[lab29.machine(0).name]), env=client_store(lab29)
        ).check()
        look(backports, "jubilant_backports", lab29, f"{lab29.controller}:default")
    finally:
        for squatter in squatters:
            squatter.remove(force=True)
