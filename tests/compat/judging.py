"""Answers held against the schemas, but for what is known to differ (``data/schema-exceptions.yaml``)."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from tests.compat.environments import Environment, client_store
from tests.compat.schemas import Schemas
from tests.e2e.support import Lab
from tests.support.answers import Answer

EXCEPTIONS = yaml.safe_load((Path(__file__).parent / "data" / "schema-exceptions.yaml").read_text())


def judge(answers: Sequence[Answer], schemas: Schemas, what: str, at_least: int = 20) -> None:
    """Fails the test if an answer is not as its schema says, or if hardly any was held against one.

    Args:
        answers: What the controller answered.
        schemas: What clients carry.
        what: Whose answers they are, for the line that is printed.
        at_least: How many methods there must have been.
    """
    held = [answer for answer in answers if schemas.knows(answer.facade, answer.version, answer.method)]
    methods = {(answer.facade, answer.version, answer.method) for answer in held}
    sys.stdout.write(f"\n{what}: {len(held)} of {len(answers)} answers held, {len(methods)} methods by version\n")
    assert len(methods) >= at_least
    wrong = {problem for answer in held for problem in _problems(schemas, answer)}
    assert not wrong, "\n".join(sorted(wrong))


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
