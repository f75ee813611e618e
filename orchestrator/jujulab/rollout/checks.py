"""The user's own checks of an upgraded machine: what they are, and what an answer means. Pure.

Verdicts are three. *Cannot tell* is not *bad*: a machine that could not be asked may be well, so a human decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from jujulab_core.rollout import Check

# What `timeout`, a shell and SSH end with when the command itself did not end by its own will (GNU coreutils, POSIX).
_TIMED_OUT, _NOT_EXECUTABLE, _NOT_FOUND, _FIRST_SIGNAL = 124, 126, 127, 128


class Verdict(StrEnum):
    """What is known of a machine."""

    GOOD = "good"
    BAD = "bad"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True)
class Opinion:
    """A verdict and why it is not good."""

    verdict: Verdict
    why: str = ""


GOOD = Opinion(Verdict.GOOD)


def of_exec(code: int, said: str) -> Opinion:
    """What the end of a check's command means; a negative code stands for a signal."""
    if code == 0:
        return GOOD
    if code == _TIMED_OUT:
        return Opinion(Verdict.CANNOT_TELL, "it did not end in time")
    if code in (_NOT_EXECUTABLE, _NOT_FOUND) or code >= _FIRST_SIGNAL or code < 0:
        return Opinion(Verdict.CANNOT_TELL, f"it could not be run: {said or f'exit {code}'}")
    return Opinion(Verdict.BAD, f"exit {code}{f': {said}' if said else ''}")


def of_status(check: Check, status: int) -> Opinion:
    """What an HTTP status means."""
    return GOOD if status == check.status else Opinion(Verdict.BAD, f"answered {status} instead of {check.status}")


def together(opinions: Mapping[str, Opinion]) -> Opinion:
    """What several checks, by name, say together: one bad one decides, then one that cannot tell."""
    for verdict in (Verdict.BAD, Verdict.CANNOT_TELL):
        for name, opinion in opinions.items():
            if opinion.verdict is verdict:
                return Opinion(verdict, f"{name}: {opinion.why}")
    return GOOD
