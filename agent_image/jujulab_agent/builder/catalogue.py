"""The release catalogue, ``releases.yaml``: which versions of Juju there are, and which upgrade steps they run."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources
from typing import Any

import yaml

from jujulab_core.errors import JujulabError, UsageError
from jujulab_core.version import Number, parse_major_minor

FILE = "releases.yaml"
TARGETS = ("all-machines", "controllers", "database-primary", "host-machines")
OPERATIONS = ("move-services-to-etc", "store-deployed-units")
_STEP_KEYS = {"version", "target", "description", "operation"}

# As `_release.STEPS` has them: version, target, description, operation.
Step = tuple[str, str, str, str]


@dataclass(frozen=True)
class Minor:
    """The releases of one major.minor version.

    Attributes:
        series: The series that binaries are made for; ``ubuntu`` alone from 2.9 on.
        streams: Versions by stream, rising.
    """

    series: tuple[str, ...]
    streams: dict[str, tuple[Number, ...]]


@dataclass(frozen=True)
class Catalogue:
    """What ``releases.yaml`` holds.

    Attributes:
        minors: By ``(major, minor)``.
        steps: All upgrade steps, oldest first.
    """

    minors: dict[tuple[int, int], Minor]
    steps: tuple[Step, ...]

    def minor(self, text: str) -> Minor:
        """The releases of a version such as ``2.6``.

        Raises:
            UsageError: It is not a major.minor version, or none that the catalogue knows.
        """
        key = parse_major_minor(text)
        if key not in self.minors:
            known = ", ".join(f"{major}.{minor}" for major, minor in self.minors)
            raise UsageError(f"the release catalogue has no version {text}", next_step=f"use one of {known}")
        return self.minors[key]

    def steps_of(self, number: Number) -> tuple[Step, ...]:
        """The steps that a version knows: its own and those of all versions before it.

        Juju clears the tag for this, so that an alpha or beta runs the steps of its release.
        """
        release = Number(number.major, number.minor, number.patch)
        return tuple(step for step in self.steps if Number.parse(step[0]) <= release)


@functools.cache
def load() -> Catalogue:
    """Reads the catalogue that is packed with the builder.

    Raises:
        JujulabError: It is damaged.
    """
    return parse(resources.files(__package__).joinpath(FILE).read_text(encoding="utf-8"))


def parse(text: str) -> Catalogue:
    """Reads a catalogue.

    Raises:
        JujulabError: What is wrong in it.
    """
    try:
        root = yaml.safe_load(text)
        minors = {parse_major_minor(name): _minor(name, entry) for name, entry in root["minors"].items()}
        steps = [_step(entry) for entry in root["steps"]]
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, UsageError) as error:
        raise JujulabError(f"the release catalogue {FILE} is damaged: {error}") from error
    # Stable: within a version the order of the file holds.
    return Catalogue(dict(sorted(minors.items())), tuple(sorted(steps, key=lambda step: Number.parse(step[0]))))


def _minor(name: str, entry: dict[str, Any]) -> Minor:
    streams = {key: tuple(sorted(map(Number.parse, entry[key]))) for key in entry if key != "series"}
    for number in (number for numbers in streams.values() for number in numbers):
        if f"{number.major}.{number.minor}" != name:
            raise UsageError(f"version {number} is listed under {name}")
    return Minor(tuple(entry["series"]), streams)


def _step(entry: dict[str, Any]) -> Step:
    version, description = str(Number.parse(entry["version"])), str(entry["description"])
    target, operation = entry["target"], entry.get("operation", "")
    if target not in TARGETS or (operation and operation not in OPERATIONS) or set(entry) - _STEP_KEYS:
        raise UsageError(f'step "{description}" of {version} has an unknown key, target or operation')
    return version, target, description, operation
