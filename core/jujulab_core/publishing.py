"""What may be asked of the publisher of agent binaries; checked where it is typed and where it is built."""

from __future__ import annotations

from collections.abc import Iterable

from jujulab_core.errors import UsageError
from jujulab_core.simplestreams import series_number
from jujulab_core.version import Number

ARCHES = ("amd64", "arm64", "armhf", "i386", "ppc64el", "riscv64", "s390x")
# Faults that can be built in, see `jujulab_agent.defects`.
DEFECTS = (
    "crash-on-start",
    "crash-after",
    "hang-on-start",
    "fail-upgrade-step",
    "never-ready",
    "wrong-version",
)


def check_numbers(numbers: Iterable[Number]) -> None:
    """Refuses a version that cannot be published.

    Raises:
        UsageError: It is 0.0.0.
    """
    if any(number.is_zero for number in numbers):
        raise UsageError("version 0.0.0 stands for none and cannot be published")


def check_series(names: Iterable[str]) -> None:
    """Refuses series that nobody knows.

    Raises:
        UsageError: One is not known.
    """
    for name in names:
        series_number(name)


def check_arches(names: Iterable[str]) -> None:
    """Refuses architectures that nobody knows.

    Raises:
        UsageError: One is not known.
    """
    for name in names:
        if name not in ARCHES:
            raise UsageError(f'unknown arch "{name}"', next_step=f"use one of {', '.join(ARCHES)}")


def check_defect(text: str) -> None:
    """Refuses what is no defect.

    Raises:
        UsageError: It is none; the message names those there are.
    """
    kind, equals, seconds = text.partition("=")
    if kind not in DEFECTS:
        raise UsageError(f'unknown defect "{text}"', next_step=f"use one of {', '.join(DEFECTS)}")
    if (kind == "crash-after") != bool(equals):
        raise UsageError(f'defect "{text}": only crash-after takes a value, as in crash-after=30')
    if equals and not (seconds.isdigit() and len(seconds) < 7):
        raise UsageError(f'defect "{text}": "{seconds}" is not a number of seconds')
