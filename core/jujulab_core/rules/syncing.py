"""Which agent binaries ``sync-agent-binaries`` copies (the Juju upgrade specification, section I.6)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from jujulab_core.errors import UsageError
from jujulab_core.looking import Offer
from jujulab_core.version import Number

PUBLIC_IGNORED = "--public is ignored unless --local-dir is specified"
DESTINATION_DEPRECATED = "Use of the --destination option is deprecated in 1.18. Please use --local-dir instead."


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
