"""Faults of the internet on a real lab: what is refused, with which words, and that the old version keeps running."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from docker import DockerClient

from tests.e2e import support
from tests.e2e.support import Lab, run

pytestmark = pytest.mark.e2e

LAB = "badstreams"
CONTROLLER = ("upgrade-controller", "-c", LAB)


@pytest.fixture(scope="module")
def lab(engine: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    data = tmp_path_factory.mktemp("data")
    with support.lab(engine, data, LAB, LAB, "--name", LAB, "--machines", "1", "--units", "1") as made:
        made.juju("publish", "2.6.5", "2.6.10")
        # Only what was seen before can be newer than what comes later.
        made.juju("streams")
        yield made


@pytest.fixture(autouse=True)
def healed(lab: Lab) -> Iterator[None]:
    yield
    lab.juju("heal", "--all")
    offered = lab.juju("streams")
    assert "cannot be read" not in offered.stderr
    assert "2.6.10" in offered.stdout


def left_over(lab: Lab) -> str:
    return run(lab.container("controller"), "find /var/lib/juju -path '*/binaries/partial/*'")


@pytest.mark.parametrize(
    ("fault", "reason", "override"),
    [
        (("stale-index",), "older than one of", "allow-older-metadata"),
        (("unsigned-index",), "no PGP signature embedded in plain text data", ""),
    ],
)
def test_an_index_that_is_not_believed(lab: Lab, fault: tuple[str, ...], reason: str, override: str) -> None:
    lab.juju("fault", *fault)
    assert reason in lab.juju("streams").stderr
    assert "no matching agent" in lab.juju(*CONTROLLER, "--agent-version", "2.6.10", expect=1).stderr
    if override:
        lab.juju("controller-config", f"{override}=true")
        assert "2.6.10" in lab.juju("streams").stdout
        lab.juju("controller-config", f"{override}=false")
    assert set(lab.versions("controller").values()) == {"2.6.4"}


def test_an_expired_index(lab: Lab) -> None:
    lab.juju("controller-config", "allow-older-metadata=true")
    lab.juju("fault", "stale-index", "--option", "age=60d")
    assert "the index expired on" in lab.juju("streams").stderr
    lab.juju("controller-config", "allow-expired-metadata=true")
    assert "2.6.10" in lab.juju("streams").stdout
    lab.juju("controller-config", "allow-older-metadata=false", "allow-expired-metadata=false")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (("corrupt-binary", "2.6.5"), "hash mismatch"),
        (("corrupt-binary", "2.6.5-bionic-amd64", "--option", "how=longer"), "size mismatch"),
        (("missing-binary", "2.6.5"), "HTTP 404"),
    ],
)
def test_a_tarball_that_is_not_what_was_promised(lab: Lab, fault: tuple[str, ...], reason: str) -> None:
    lab.juju("fault", *fault)
    url = "https://localhost:17070/tools/2.6.5-bionic-amd64"
    said = run(lab.container("controller"), f"curl -s --insecure {url}")
    assert reason in said
    assert left_over(lab) == ""
    assert set(lab.versions().values()) == {"2.6.4"}


def test_a_machine_of_another_series_is_named_before_anything_starts(lab: Lab) -> None:
    lab.juju("publish", "2.6.4", "--series", "bionic,xenial")
    lab.juju("add-machine", "-m", f"{LAB}:default", "--series", "xenial")
    lab.juju(*CONTROLLER, "--agent-version", "2.6.10", "--wait")
    upgrade = ("upgrade-model", "-m", f"{LAB}:default", "--agent-version", "2.6.10", "--ignore-agent-versions")
    refused = lab.juju(*upgrade, expect=1).stderr
    assert "no agent binaries available of 2.6.10-xenial-amd64 for machine 1: " in refused
    assert "--ignore-missing-binaries" in refused
    assert lab.juju("model-config", "-m", f"{LAB}:default", "agent-version").stdout == "2.6.4\n"
    # As Juju does it: accepted, and the machine without a binary stays behind.
    ended = lab.juju(*upgrade, "--ignore-missing-binaries", "--wait", "--timeout", "10s", expect=5)
    assert "started upgrade to 2.6.10" in ended.stdout
    assert lab.versions()["0"] == "2.6.10"
    assert lab.versions()["1"] == "2.6.4"
    # Once it is there, the upgrade goes on by itself.
    lab.juju("publish", "2.6.10", "--series", "xenial")
    lab.juju("upgrade-model", "-m", f"{LAB}:default", "--wait", "--timeout", "3m")
    assert set(lab.versions().values()) == {"2.6.10"}


def test_a_slow_line_is_only_slow(lab: Lab) -> None:
    lab.juju("publish", "2.6.11", "--size", "600KB")
    lab.juju("fault", "slow-internet", "--option", "rate=1mbit")
    lab.juju(*CONTROLLER, "--agent-version", "2.6.11", "--wait")
    assert set(lab.versions("controller").values()) == {"2.6.11"}
