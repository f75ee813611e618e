"""Which agent binaries ``sync-agent-binaries`` copies (the Juju upgrade specification, section I.6)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import NamedTuple

from jujulab_core.errors import UsageError
from jujulab_core.looking import Offer
from jujulab_core.version import Number

PUBLIC_IGNORED = "--public is ignored unless --local-dir is specified"
DESTINATION_DEPRECATED = "Use of the --destination option is deprecated in 1.18. Please use --local-dir instead."


# From this client on it is called `sync-agent-binary` and copies one version only.
ONE_VERSION_FROM = Number(2, 9, 0)
# What that client has no more.
_GONE = ("--version", "--all", "--dev", "--destination")


class Versions(NamedTuple):
    """The versions to copy.

    Attributes:
        major: The major version.
        minor: The minor version, -1 for all.
        exact: The one version, or None.
    """

    major: int
    minor: int
    exact: Number | None = None


def parse_versions(version: str, agent_version: str) -> Versions | None:
    """Reads ``--version`` and ``--agent-version``, which takes a whole version too; None where neither is given.

    Raises:
        UsageError: One is wrong, or both are given.
    """
    if version and agent_version:
        raise UsageError("--version and --agent-version mean the same: give one of them")
    if agent_version.count(".") >= 2 or "-" in agent_version:
        exact = Number.parse(agent_version)
        return Versions(exact.major, exact.minor, exact)
    return Versions(*parse_major_minor(version or agent_version)) if version or agent_version else None


def check_flags(client: Number, given: Collection[str], versions: Versions | None) -> None:
    """Checks what only some clients know (section E.1).

    Args:
        client: The client's version.
        given: Those of the flags ``--version``, ``--all``, ``--dev`` and ``--destination`` that are given.
        versions: What ``--agent-version`` says.

    Raises:
        UsageError: From 2.9 on: such a flag, or no whole version; Juju's words.
    """
    if client < ONE_VERSION_FROM:
        return
    for flag in _GONE:
        if flag in given:
            raise UsageError(f"option provided but not defined: {flag}")
    if versions is None:
        raise UsageError("--agent-version is required")
    if versions.exact is None:
        text = f"{versions.major}" if versions.minor < 0 else f"{versions.major}.{versions.minor}"
        raise UsageError(f'invalid version "{text}"')


def parse_major_minor(text: str) -> tuple[int, int]:
    """Reads ``--version``: ``2`` or ``2.6``; the minor number is -1 where there is none.

    Raises:
        UsageError: It is neither; Juju's words.
    """
    parts = text.split(".")
    if len(parts) > 2:
        raise UsageError(f"invalid major.minor version number {text}")
    numbers = []
    for part, name in zip(parts, ("major", "minor"), strict=False):
        if not re.fullmatch(r"[0-9]{1,9}", part):
            raise UsageError(f'invalid {name} version number {part}: strconv.Atoi: parsing "{part}": invalid syntax')
        numbers.append(int(part))
    return numbers[0], numbers[1] if len(numbers) == 2 else -1


def matching(offers: Iterable[Offer], stream: str, major: int, minor: int, exact: Number | None = None) -> list[Offer]:
    """What a stream offers of a version, in the order of versions and names.

    Args:
        offers: What the source has.
        stream: Only this one is looked in: there is no fallback for copying.
        major: The major version.
        minor: The minor version, -1 for all.
        exact: The one version that is wanted; None for all of `major` and `minor`.
    """
    found = [
        offer
        for offer in offers
        if offer.stream == stream
        and offer.item.binary.number.major == major
        and minor in (-1, offer.item.binary.number.minor)
        and exact in (None, offer.item.binary.number)
    ]
    return sorted(found, key=lambda offer: (offer.item.binary.number, str(offer.item.binary)))


def newest(offers: Iterable[Offer]) -> list[Offer]:
    """Of these only those of the newest version: what is copied without ``--all``."""
    offers = list(offers)
    top = max((offer.item.binary.number for offer in offers), default=None)
    return [offer for offer in offers if offer.item.binary.number == top]
