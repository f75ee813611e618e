"""The JSON schemas that clients carry of Juju's answers, and answers held against them.

python-libjuju carries, in the classes made from it, the schema of each facade version that it knows: 2.9.49.1 those
of Juju 2, 3.5.2.1 those of 3.x up to 3.5. Later packages carry classes without schemas; a version that no package
carries is held against the next lower one, since fields that only it has are not looked at.
"""

from __future__ import annotations

import ast
import bisect
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from jsonschema import Draft4Validator

Json = dict[str, Any]
# How the schemas write "anything": Go's empty interface.
_ANYTHING = {"additionalProperties": True, "type": "object"}
# What a method answers that has no result.
_NOTHING: Json = {"type": "object", "maxProperties": 0}


class Schemas:
    """The schemas of some installed packages; where two carry the same facade version, the later one is taken."""

    def __init__(self, definitions: Mapping[str, Json], *environments: Path) -> None:
        """Takes what some definitions really are, and where the packages are installed."""
        self._definitions = definitions
        self._environments = environments

    @cached_property
    def _facades(self) -> dict[str, dict[int, Json]]:
        found: dict[str, dict[int, Json]] = {}
        for environment in self._environments:
            for name, version, schema in _carried(environment):
                found.setdefault(name, {})[version] = _loosened(schema)
        return found

    def holder(self, facade: str, version: int, method: str) -> int | None:
        """The version of the facade whose schema an answer is held against; None where no package carries one."""
        known = self._known(facade, method)
        at = bisect.bisect_right(known, version)
        return known[at - 1] if at else None

    def problems(self, facade: str, version: int, method: str, answer: Json) -> list[str]:
        """What an answer lacks, or has of a wrong type: ``results.0.result.life: 'life' is a required property``."""
        held = self.holder(facade, version, method)
        if held is None:
            return []
        errors = Draft4Validator(self._schema(facade, held, method)).iter_errors(answer)
        return sorted(f"{'.'.join(map(str, error.absolute_path)) or 'answer'}: {error.message}" for error in errors)

    def _known(self, facade: str, method: str) -> list[int]:
        versions = self._facades.get(facade, {})
        return sorted(number for number, schema in versions.items() if method in schema["properties"])

    def _schema(self, facade: str, version: int, method: str) -> Json:
        schema = self._facades[facade][version]
        result = schema["properties"][method].get("properties", {}).get("Result", _NOTHING)
        return {**result, "definitions": {**schema.get("definitions", {}), **self._definitions}}


def _carried(environment: Path) -> Iterator[tuple[str, int, Json]]:
    """Each facade's name, version and schema, read from the package's source without running it."""
    for path in sorted(environment.glob("lib/python3*/site-packages/juju/client/_client*.py")):
        for node in ast.parse(path.read_text()).body:
            if not isinstance(node, ast.ClassDef):
                continue
            values = {
                target.id: item.value
                for item in node.body
                if isinstance(item, ast.Assign)
                for target in item.targets
                if isinstance(target, ast.Name)
            }
            if "schema" in values:
                schema = ast.literal_eval(values["schema"])
                yield ast.literal_eval(values["name"]), ast.literal_eval(values["version"]), schema


def _loosened(schema: Any) -> Any:
    """The schema without what it says against further fields, "anything" meaning that, and times that may be null.

    A time that may be missing is a pointer in Go, which is written as null; the schemas do not tell it from one that
    is always there.
    """
    if isinstance(schema, list):
        return [_loosened(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema == _ANYTHING:
        return {}
    if schema.get("format") == "date-time":
        return {**schema, "type": ["string", "null"]}
    kept = {key: value for key, value in schema.items() if key != "additionalProperties" or value is not False}
    return {key: _loosened(value) for key, value in kept.items()}
