"""The boundaries that the documentation names are those that the code has; what stopping at one does."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest

from jujulab_core.boundary import reach
from jujulab_core.waiting import Deadline, wait_for

ROOT = Path(__file__).parents[2]
SOURCES = {
    "controller": ("controller", "*.py"),
    "orchestrator": ("orchestrator", "*.py"),
    "agent": ("agent_image", "*.py"),
    "upgradectl": ("images/machine/files", "*"),
}
IN_CODE = re.compile(r'reach\((?:[^"\n]*, )?"([^"{]+)"|boundary "?(upgradectl/[a-z-]+)')
IN_TABLE = re.compile(r"^\| ([a-z]+) \| `([a-z-]+)", re.MULTILINE)


def test_the_documentation_names_every_boundary() -> None:
    named = set(IN_TABLE.findall((ROOT / "docs/explanation/crash-only.md").read_text()))
    there = {
        (process, (python or shell).rpartition("/")[2])
        for process, (folder, pattern) in SOURCES.items()
        for path in (ROOT / folder).rglob(pattern)
        if path.is_file()
        for python, shell in IN_CODE.findall(path.read_text())
    }
    assert {(process, step.rstrip("-")) for process, step in there} == {
        (process, step.rstrip("-")) for process, step in named
    }


@pytest.fixture
def wrench(tmp_path: Path) -> Path:
    directory = tmp_path / "wrench"
    directory.mkdir(0o755)
    return directory


def test_without_a_wrench_a_boundary_is_passed(tmp_path: Path) -> None:
    reach(str(tmp_path), "agent/step")
    assert not list(tmp_path.iterdir())


def test_the_first_one_stops_until_it_is_let_go_and_all_others_pass(tmp_path: Path, wrench: Path) -> None:
    (wrench / "stop-at").write_text("agent/step\n")
    (wrench / "passed").touch()
    reach(str(tmp_path), "agent/other")
    first = threading.Thread(target=reach, args=(str(tmp_path), "agent/step"))
    first.start()
    stopped = wrench / "stopped-at"
    wait_for(lambda: (stopped.exists() or None, "the first to stop"), Deadline(20), 0.01)
    reach(str(tmp_path), "agent/step")
    assert first.is_alive()
    stopped.unlink()
    first.join(20)
    assert not first.is_alive()
    passed = [line.split()[1] for line in (wrench / "passed").read_text().splitlines()]
    assert passed == ["agent/other", "agent/step", "agent/step"]


def test_a_wrench_that_others_may_write_does_not_count(tmp_path: Path, wrench: Path) -> None:
    (wrench / "stop-at").write_text("agent/step\n")
    wrench.chmod(0o777)
    reach(str(tmp_path), "agent/step")
    assert (wrench / "stop-at").exists()
