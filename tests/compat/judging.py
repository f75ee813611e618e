"""Answers held against the schemas, but for what is known to differ (``data/schema-exceptions.yaml``)."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import yaml

from tests.compat.environments import Environment, client_store
from tests.compat.schemas import Schemas
from tests.e2e.support import Lab
from tests.support.answers import Answer

EXCEPTIONS = yaml.safe_load((Path(__file__).parent / "data" / "schema-exceptions.yaml").read_text())


def judge(answers: Sequence[Answer], schemas: Schemas, what: str, at_least: int = 20) -> str:
    """Fails the test if an answer is not as its schema says, or is held against none without a reason.

    Args:
        answers: What the controller answered.
        schemas: What clients carry.
        what: Whose answers they are, for the line that is printed.
        at_least: How many methods there must have been.

    Returns:
        How many were held.
    """
    holders = {answer[:3]: schemas.holder(*answer[:3]) for answer in answers}
    methods = [called for called, holder in holders.items() if holder is not None]
    held = [answer for answer in answers if holders[answer[:3]] is not None]
    lower = {called[:2] for called in methods if holders[called] != called[1]}
    unheld = sorted(called for called in holders if called not in methods)
    found = (
        f"{len(held)} of {len(answers)} answers held, {len(methods)} of {len(holders)} methods by version; "
        f"{len(lower)} facade versions held against a lower one's schema"
    )
    sys.stdout.write(f"\n{what}: {found}\n")
    assert len(methods) >= at_least
    wrong = {problem for answer in held for problem in _problems(schemas, answer)}
    assert not wrong, "\n".join(sorted(wrong))
    silent = [
        f"{facade}.{method}@{version}" for facade, version, method in unheld if not _told(facade, version, method)
    ]
    assert silent == [], "held against nothing, and no reason told: " + ", ".join(silent)
    return found


class Listened:
    """Runs scripts whose every answer is then held against the schemas."""

    def __init__(self, frames: Path, schemas: Schemas) -> None:
        self._frames, self._schemas = frames, schemas

    def run(self, client: Environment, lab: Lab, script: str, *arguments: str, **env: str) -> None:
        client.run(
            script, lab.controller, *arguments, env={**client_store(lab), "FRAMES": str(self._frames), **env}
        ).check()
        judge(heard(self._frames), self._schemas, f"{client.client}, {script}", at_least=8)


def heard(frames: Path) -> list[Answer]:
    """What a script has heard, as its ``frames.py`` wrote it down."""
    return [Answer(**json.loads(line)) for line in frames.read_text().splitlines()]


def _problems(schemas: Schemas, answer: Answer) -> list[str]:
    name = f"{answer.facade}.{answer.method}"
    excused = [re.compile(pattern) for pattern, _reason in EXCEPTIONS["answers"].get(name, ())]
    found = schemas.problems(answer.facade, answer.version, answer.method, answer.response)
    return [
        f"{name}@{answer.version}: {problem}"
        for problem in found
        if not any(pattern.search(problem) for pattern in excused)
    ]


def _told(facade: str, version: int, method: str) -> bool:
    """Whether a reason is told why no schema holds a method's answer."""
    for pattern, versions, _reason in EXCEPTIONS["unheld"]:
        low, _, high = str(versions).partition("-")
        if fnmatchcase(f"{facade}.{method}", pattern) and int(low) <= version <= int(high or low):
            return True
    return False
