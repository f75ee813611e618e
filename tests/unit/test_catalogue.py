"""The release catalogue, and publishing from it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from jujulab_agent import steps_table
from jujulab_agent.builder import catalogue
from jujulab_agent.builder.cli import main
from jujulab_agent.builder.jujud import build_jujud
from jujulab_core.errors import JujulabError, UsageError
from jujulab_core.simplestreams import INDEX_PATH, SERIES_NUMBERS, parse_index, parse_products
from jujulab_core.version import Number


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    # GnuPG's sockets do not fit below a long path.
    with tempfile.TemporaryDirectory(prefix="jl") as directory:
        assert main(["--root", directory, "init", "--url", "https://streams.canonical.com/juju/tools"]) == 0
        yield Path(directory)


def test_the_catalogue_holds_every_minor_version_and_nothing_twice() -> None:
    minors = catalogue.load().minors
    assert list(minors) == [(2, minor) for minor in range(5, 10)] + [(3, minor) for minor in range(7)]
    listed = [number for minor in minors.values() for numbers in minor.streams.values() for number in numbers]
    assert max(Counter(listed).values()) == 1
    for (major, minor), entry in minors.items():
        assert set(entry.series) <= set(SERIES_NUMBERS)
        assert (entry.series == ("ubuntu",)) == ((major, minor) >= (2, 9))
        assert not any(number.is_development for number in entry.streams["released"])


def test_every_operation_that_a_step_names_exists_in_the_agent() -> None:
    assert {step[3] for step in catalogue.load().steps} <= set(steps_table._OPERATIONS)
    assert set(catalogue.OPERATIONS) == set(steps_table._OPERATIONS) - {""}


def test_a_release_carries_its_steps_and_those_before_it() -> None:
    steps = catalogue.load().steps_of(Number.parse("2.7-rc1"))
    assert steps[-1][0] == "2.7.0"
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from jujulab_agent import _release; import json; "
        "print(json.dumps([_release.VERSION, [s[2] for s in _release.STEPS]]))"
    )
    with tempfile.NamedTemporaryFile(suffix=".zip") as file:
        file.write(build_jujud(Number.parse("2.6.10"), ["mine"]))
        file.flush()
        done = subprocess.run([sys.executable, "-IS", "-c", program, file.name], capture_output=True, check=True)
    version, described = json.loads(done.stdout)
    assert version == "2.6.10"
    assert described[-2:] == ["add models-logs-size to controller config", "mine"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "minors: []",
        "minors: {'2.6': {series: [bionic], released: [2.7.0]}}\nsteps: []",
        "minors: {}\nsteps: [{version: 2.6.0, target: everybody, description: x}]",
        "minors: {}\nsteps: [{version: 2.6.0, target: controllers, description: x, operation: rm}]",
        "minors: {}\nsteps: [{version: nonsense, target: controllers, description: x}]",
    ],
)
def test_a_damaged_catalogue_is_named(text: str) -> None:
    with pytest.raises(JujulabError, match="release catalogue"):
        catalogue.parse(text)


def test_an_unknown_minor_version_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=re.escape("has no version 2.4")) as caught:
        catalogue.load().minor("2.4")
    assert "2.5, 2.6" in (caught.value.next_step or "")


def test_all_of_a_minor_version_is_published_in_seconds(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begin = time.monotonic()
    assert main(["--root", str(root), "publish", "--all", "2.6", "--all", "3.3", "--arch", "amd64"]) == 0
    assert time.monotonic() - begin < 30
    published = json.loads(capsys.readouterr().out)["published"]
    assert Counter(entry["stream"] for entry in published) == {"released": 9 * 3 + 7, "proposed": 1}
    assert "2.6.10-xenial-amd64" in {entry["binary"] for entry in published}
    tools = root / "juju" / "tools"
    offered = {
        (entry.stream, str(item.binary))
        for entry in parse_index((tools / INDEX_PATH).read_bytes()).entries
        for item in parse_products((tools / entry.path).read_bytes(), entry.content_id)
    }
    assert offered == {(entry["stream"], entry["binary"]) for entry in published}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give either versions or --all"),
        (["2.6.4", "--all", "2.6"], "give either versions or --all"),
        (["--all", "2.6", "--stream", "devel"], "has nothing of 2.6 in stream devel"),
        (["--all", "2.4"], "has no version 2.4"),
        (["--all", "x"], "invalid major version number x"),
    ],
)
def test_what_cannot_be_published(
    root: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(["--root", str(root), "publish", *arguments]) == 2
    assert said in capsys.readouterr().err
