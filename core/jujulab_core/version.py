"""Juju's version numbers: grammar, order and printing.

::

    number = MAJOR "." MINOR ( "." PATCH | "-" TAG PATCH ) [ "." BUILD ]
    binary = number "-" SERIES "-" ARCH

    MAJOR, MINOR, PATCH, BUILD = 1 to 9 digits; TAG = one or more a-z; SERIES, ARCH contain no "-"

Stricter than Juju in one thing: SERIES and ARCH contain no "/" and no white space either, because a binary's name
is the name of a directory.

Source of the rules: the Juju upgrade specification, section B (package ``juju/version``, strict parse).
"""

from __future__ import annotations

import re
from functools import total_ordering

from jujulab_core.errors import UsageError

_NUMBER = r"([0-9]{1,9})\.([0-9]{1,9})(?:\.|-([a-z]+))([0-9]{1,9})(?:\.([0-9]{1,9}))?"
_NUMBER_RE = re.compile(_NUMBER, re.ASCII)
_BINARY_RE = re.compile(rf"({_NUMBER})-([^-/\s]+)-([^-/\s]+)", re.ASCII)
_PART_RE = re.compile(r"[0-9]{1,9}", re.ASCII)


@total_ordering
class Number:
    """A version such as ``2.6.10``, ``2.7-rc1`` or ``2.6.0.1``. Immutable and hashable.

    Attributes:
        major: First number.
        minor: Second number.
        tag: ``alpha``, ``beta``, ``rc``, ... or an empty string for a release.
        patch: Third number; directly behind the tag where there is one.
        build: Fourth number; 0 is the same as none.
    """

    __slots__ = ("build", "major", "minor", "patch", "tag")

    major: int
    minor: int
    patch: int
    tag: str
    build: int

    def __init__(self, major: int, minor: int, patch: int = 0, tag: str = "", build: int = 0) -> None:
        for name, value in zip(
            ("major", "minor", "patch", "tag", "build"), (major, minor, patch, tag, build), strict=True
        ):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Number cannot be changed (tried to set {name!r})")

    @classmethod
    def parse(cls, text: str) -> Number:
        """Reads a number strictly.

        Raises:
            UsageError: ``invalid version "X"``, Juju's words.
        """
        match = _NUMBER_RE.fullmatch(text)
        if not match:
            raise UsageError(f'invalid version "{text}"')
        return cls._from_groups(*match.groups())

    @classmethod
    def _from_groups(cls, major: str, minor: str, tag: str | None, patch: str, build: str | None) -> Number:
        return cls(int(major), int(minor), int(patch), tag or "", int(build or 0))

    @property
    def is_zero(self) -> bool:
        """Whether this is ``0.0.0``, which Juju's API uses for "not given"."""
        return self == ZERO

    @property
    def is_development(self) -> bool:
        """Whether this is a development version (section B: tag or build; odd minor up to 1.19.9)."""
        if self <= Number(1, 19, 9):
            return self.minor % 2 == 1 or self.build > 0
        return bool(self.tag) or self.build > 0

    def without_build(self) -> Number:
        """The same version with build 0, for the comparisons that ignore it."""
        return Number(self.major, self.minor, self.patch, self.tag)

    def with_build(self, build: int) -> Number:
        """The same version with another build number."""
        return Number(self.major, self.minor, self.patch, self.tag, build)

    def _key(self) -> tuple[int, int, bool, str, int, int]:
        # The empty tag is the greatest; other tags compare as plain text, before the patch.
        return (self.major, self.minor, not self.tag, self.tag, self.patch, self.build)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Number) and self._key() == other._key()

    def __lt__(self, other: Number) -> bool:
        return self._key() < other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __str__(self) -> str:
        middle = f"-{self.tag}{self.patch}" if self.tag else f".{self.patch}"
        return f"{self.major}.{self.minor}{middle}" + (f".{self.build}" if self.build else "")

    def __repr__(self) -> str:
        return f"Number.parse({str(self)!r})"


ZERO = Number(0, 0)


class Binary:
    """What an agent binary is made for: ``2.6.5-bionic-amd64``. Immutable and hashable.

    Attributes:
        number: The version.
        series: ``bionic``, ``focal``, ...; from Juju 2.9 on ``ubuntu``.
        arch: ``amd64``, ``arm64``, ...
    """

    __slots__ = ("arch", "number", "series")

    number: Number
    series: str
    arch: str

    def __init__(self, number: Number, series: str, arch: str) -> None:
        object.__setattr__(self, "number", number)
        object.__setattr__(self, "series", series)
        object.__setattr__(self, "arch", arch)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Binary cannot be changed (tried to set {name!r})")

    @classmethod
    def parse(cls, text: str) -> Binary:
        """Reads a binary version strictly.

        Raises:
            UsageError: ``invalid binary version "X"``, Juju's words.
        """
        match = _BINARY_RE.fullmatch(text)
        if not match:
            raise UsageError(f'invalid binary version "{text}"')
        return cls(Number.parse(match[1]), match[7], match[8])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Binary) and (self.number, self.series, self.arch) == (
            other.number,
            other.series,
            other.arch,
        )

    def __hash__(self) -> int:
        return hash((self.number, self.series, self.arch))

    def __str__(self) -> str:
        return f"{self.number}-{self.series}-{self.arch}"

    def __repr__(self) -> str:
        return f"Binary.parse({str(self)!r})"


def binary_series(number: Number, series: str) -> str:
    """The series part of a binary's name: the machine's own up to 2.8, ``ubuntu`` from 2.9 on."""
    return series if (number.major, number.minor) < (2, 9) else "ubuntu"


def parse_major_minor(text: str) -> tuple[int, int]:
    """Reads ``2`` or ``2.6``, which `sync-agent-binaries --version` takes (section B).

    Returns:
        Major and minor version; the minor one is -1 where it is not given.

    Raises:
        UsageError: ``invalid major.minor version number 1.2.3`` or ``invalid major version number blah: ...``, Juju's
            words.
    """
    parts = text.split(".")
    if len(parts) > 2:
        raise UsageError(f"invalid major.minor version number {text}")
    for kind, part in zip(("major", "minor"), parts, strict=False):
        if not _PART_RE.fullmatch(part):
            raise UsageError(f"invalid {kind} version number {part}: it is not a number")
    return int(parts[0]), int(parts[1]) if len(parts) == 2 else -1
