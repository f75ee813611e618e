"""The Docker engine that tests use, as a fixture for the sessions that want it."""

from __future__ import annotations

from collections.abc import Iterator

import docker
import pytest
from docker import DockerClient


@pytest.fixture(scope="session")
def engine() -> Iterator[DockerClient]:
    """The Docker engine, and the proof that no volume is left behind."""
    client = docker.from_env(timeout=120)
    # Opens the connection that the client keeps, which no test is to be blamed for.
    client.ping()
    before = _unused_volumes(client)
    try:
        yield client
        assert _unused_volumes(client) <= before
    finally:
        client.close()


def _unused_volumes(client: DockerClient) -> set[str]:
    """Those that no container has: others may run tests on this engine at the same time."""
    return {volume.name for volume in client.volumes.list(filters={"dangling": True})}
