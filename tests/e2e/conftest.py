"""Fixtures of the end-to-end tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from docker import DockerClient

from tests.e2e import support
from tests.support.engine import engine as engine


@pytest.fixture(scope="module")
def lab(engine: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[support.Lab]:
    """A lab of a controller and five machines with units, for the tests of one module."""
    data = tmp_path_factory.mktemp("data")
    with support.lab(engine, data, "e2e", "e2e-aws", str(Path(__file__).with_name("lab.yaml"))) as made:
        yield made


@pytest.fixture(scope="module")
def watch(lab: support.Lab) -> Iterator[support.Watch]:
    """Looks at the module's lab from the first test that wants it until the last test has ended."""
    with support.Watch(lab) as looking:
        yield looking
