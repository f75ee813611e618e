"""Two labs for the whole session, an environment for each client, and the table that is printed at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import yaml
from docker import DockerClient

from tests.compat import environments
from tests.compat.environments import Environment
from tests.compat.judging import EXCEPTIONS, Listened
from tests.compat.schemas import Schemas
from tests.compat.table import Table
from tests.e2e import support
from tests.support.engine import engine as engine

HERE = Path(__file__).parent
_TABLE = pytest.StashKey[Table]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_TABLE] = Table()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    text = config.stash[_TABLE].text()
    if text:
        terminalreporter.section("client, call, result")
        terminalreporter.write_line(text)


@pytest.fixture(scope="session")
def table(request: pytest.FixtureRequest) -> Table:
    """Where calls are recorded."""
    return request.config.stash[_TABLE]


@pytest.fixture(scope="session")
def schemas(table: Table) -> Schemas:
    """What python-libjuju carries: 2.9.49.1 for Juju 2, 3.5.2.1 for 3.x."""
    names = {"libjuju-2.9": "python-libjuju 2.9.49.1", "libjuju-3.5": "python-libjuju 3.5.2.1"}
    definitions = {name: entry["schema"] for name, entry in EXCEPTIONS["definitions"].items()}
    return Schemas(definitions, *(environments.python(name, client, table).path for name, client in names.items()))


@pytest.fixture
def listened(schemas: Schemas, tmp_path: Path) -> Listened:
    """Runs the scripts of python-libjuju."""
    return Listened(tmp_path / "frames", schemas)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client store that both labs are in: whoever reads it chooses between two controllers."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="session")
def lab36(engine: DockerClient, store: Path) -> Iterator[support.Lab]:
    """A lab on 3.6, with a model for each client to upgrade (`lab36.yaml`); shared by all, so left as it was found."""
    with _lab(engine, store, "36") as made:
        yield made


@pytest.fixture(scope="session")
def lab29(engine: DockerClient, store: Path) -> Iterator[support.Lab]:
    """A lab on 2.9 (`lab29.yaml`), which the tests of the eras take through 2.9."""
    with _lab(engine, store, "29") as made:
        yield made


@pytest.fixture(scope="session")
def lab26(engine: DockerClient, store: Path) -> Iterator[support.Lab]:
    """A lab on 2.6 (`lab26.yaml`), which the tests of the eras take to 2.9."""
    with _lab(engine, store, "26") as made:
        yield made


def _lab(engine: DockerClient, data: Path, era: str) -> AbstractContextManager[support.Lab]:
    # Checkouts that share an engine have images of different names, and so have their labs.
    name = "-".join(["compat", era, *filter(None, [os.environ.get("JUJULAB_IMAGES")])])
    spec = yaml.safe_load((HERE / f"lab{era}.yaml").read_text())
    spec["lab"] = spec["controller"]["name"] = name
    path = data / f"lab{era}.yaml"
    path.write_text(yaml.safe_dump(spec, sort_keys=False))
    return support.lab(engine, data, name, name, str(path))


@pytest.fixture(scope="session")
def libjuju36(table: Table) -> Environment:
    """python-libjuju of Juju 3.x."""
    return environments.python("libjuju-3.6", "python-libjuju 3.6.1.3", table)


@pytest.fixture(scope="session")
def libjuju29(table: Table) -> Environment:
    """python-libjuju of Juju 2.9."""
    return environments.python("libjuju-2.9", "python-libjuju 2.9.49.1", table)
