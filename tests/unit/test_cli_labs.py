"""The commands for whole labs, with an engine and a lab that are made up."""

from __future__ import annotations

import contextlib
import io
import sys
from typing import Any

import pytest

from jujulab.cli import main
from jujulab.lab import lifecycle


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
