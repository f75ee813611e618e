"""The commands for whole labs, with an engine and a lab that are made up."""

from __future__ import annotations

import contextlib
import io
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jujulab.cli import main
from jujulab.faults.model import Record
from jujulab.lab import lifecycle
from jujulab.lab.labspec import LabSpec
from jujulab.store import Store


class Engine(contextlib.nullcontext[Any]):
    """Takes the place of Docker's; what is asked of it is made up by each test."""


@pytest.fixture
def removed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The labs that were removed."""
    gone: list[str] = []

    def remove(_: Engine, lab: str) -> int:
        gone.append(lab)
        return 4

    monkeypatch.setattr("jujulab.lab.engine.Engine", Engine)
    monkeypatch.setattr(lifecycle, "choose", lambda _, lab: lab or "demo")
    monkeypatch.setattr(lifecycle, "remove", remove)
    return gone


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("line", "stdin", "code", "said"),
    [
        ("down", io.StringIO("y\n"), 1, 'ERROR lab "demo" was not removed: nobody is there to ask\nNext: say so with'),
        ("down -y", io.StringIO(), 0, 'removed lab "demo" (4 containers)'),
        ("down", Terminal("n\n"), 1, 'Remove lab "demo" and all that is in it? [y/N]: '),
        ("down", Terminal("y\n"), 0, 'removed lab "demo" (4 containers)'),
    ],
)
def test_a_lab_is_removed_only_by_who_says_so(
    removed: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    line: str,
    stdin: io.StringIO,
    code: int,
    said: str,
) -> None:
    monkeypatch.setattr(sys, "stdin", stdin)
    assert main.run(line.split()) == code
    assert said in capsys.readouterr().err
    assert removed == ([] if code else ["demo"])


@pytest.mark.parametrize(
    ("line", "since", "until"),
    [
        ("faults", "01 Jan 2026 01:00:00+01:00", "01 Jan 2026 01:05:00+01:00"),
        ("faults --utc", "2026-01-01 00:00:00Z", "2026-01-01 00:05:00Z"),
    ],
)
def test_faults_are_listed_in_the_local_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str, since: str, until: str
) -> None:
    record = Record(
        1, "agent-stop", ("default:ubuntu/0", "default:ubuntu/1"), {}, "2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z"
    )
    monkeypatch.setattr("jujulab.lab.engine.Engine", Engine)
    monkeypatch.setattr("jujulab.lab.provision.lab_of", lambda *_: "demo")
    monkeypatch.setattr("jujulab.session.controller_name", lambda name: "aws")
    monkeypatch.setattr("jujulab.faults.making.heal_overdue", lambda scene: [record])
    monkeypatch.setattr("jujulab.faults.ledger.Ledger", lambda *_: SimpleNamespace(records=lambda: [record]))
    monkeypatch.delenv("JUJU_STATUS_ISO_TIME", raising=False)
    monkeypatch.setenv("TZ", "CET-1")
    time.tzset()
    try:
        assert main.run(line.split()) == 0
    finally:
        monkeypatch.undo()
        time.tzset()
    captured = capsys.readouterr()
    targets = "default:ubuntu/0, default:ubuntu/1"
    assert captured.err == f"fault 1 was to be mended at {until}, and is now: agent-stop {targets}\n"
    assert captured.out.splitlines()[1] == f"1   agent-stop  {targets}  -        {since}  {until}"


@pytest.mark.parametrize(
    ("is_there", "line", "wanted", "told"),
    [
        (False, "up", ("lab", "lab", "2.6.4", 3), 'lab "lab" is up: controller "lab", 3 machines\n'),
        (False, "up --agent-version 2.7.8 --machines 1", ("lab", "lab", "2.7.8", 1), 'controller "lab", 1 machine\n'),
        (True, "up --name demo", ("demo", "aws", "2.6.10", 3), 'lab "demo" is up: controller "aws"\n'),
        (True, "up --name demo --machines 5", ("demo", "aws", "2.6.10", 5), 'controller "aws", 5 machines\n'),
        (
            True,
            "up --name demo --agent-version 2.7.8",
            ("demo", "aws", "2.6.10", 3),
            'lab "demo" is there already, with a controller of 2.6.10: --agent-version is what a new lab starts on\n'
            "Next: jujulab upgrade-controller\n",
        ),
        (True, "up --name demo --agent-version 2.6.10", ("demo", "aws", "2.6.10", 3), ""),
    ],
)
def test_what_no_option_speaks_of_stays_as_it_is(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    is_there: bool,
    line: str,
    wanted: tuple[str, str, str, int],
    told: str,
) -> None:
    monkeypatch.setenv("JUJULAB_DATA", str(tmp_path))
    store = Store(tmp_path)
    if is_there:
        store.add_controller("aws", "u", ["127.0.0.1:1"], "", "docker", "demo", "2.6.10", "admin", "x")
        store.lab_dir("demo")
    made: list[LabSpec] = []
    monkeypatch.setattr("jujulab.lab.up.bring_up", lambda spec, report, timeout: made.append(spec))
    assert main.run(line.split()) == 0
    (spec,) = made
    assert (spec.name, spec.controller, str(spec.agent_version), spec.machine_count) == wanted
    assert spec.models[0].keeps_machines is ("--machines" not in line)
    said = capsys.readouterr().err
    assert told in said
    assert ("is there already" in said) is told.startswith('lab "demo" is there')


@pytest.mark.parametrize(
    ("has_directory", "error"),
    [
        (False, 'ERROR the secrets of lab "demo" are not in the client store {store}\nNext: set JUJULAB_DATA to the'),
        (True, 'ERROR cannot read the secrets of lab "demo" in {store}/labs/demo: No such file or directory\nNext: '),
    ],
)
def test_a_lab_without_its_secrets_is_not_started(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    has_directory: bool,
    error: str,
) -> None:
    monkeypatch.setenv("JUJULAB_DATA", str(tmp_path))
    monkeypatch.setattr("jujulab.lab.engine.Engine", Engine)
    monkeypatch.setattr(lifecycle, "choose", lambda _, lab: lab)
    if has_directory:
        Store(tmp_path).lab_dir("demo")
    assert main.run(["start", "demo"]) == 1
    assert capsys.readouterr().err.startswith(error.format(store=tmp_path))
    assert Store(tmp_path).labs() == (["demo"] if has_directory else [])
