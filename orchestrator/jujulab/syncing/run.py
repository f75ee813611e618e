"""``sync-agent-binaries``: the steps and Juju's words for them (the Juju upgrade specification, section I.6)."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass

from jujulab.syncing.sources import Place, offers
from jujulab.syncing.targets import Target, verified
from jujulab_core.errors import JujulabError
from jujulab_core.looking import Offer
from jujulab_core.rules import syncing
from jujulab_core.version import Number

Say = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """What to copy.

    Attributes:
        major: The major version.
        minor: The minor version, -1 for all.
        exact: The one version, or None.
        everything: All versions, not only the newest.
        stream: The stream to copy from.
    """

    major: int
    minor: int
    exact: Number | None
    everything: bool
    stream: str


def sync(place: Place, keys: str, target: Target, wanted: Wanted, say: Say, *, dry_run: bool) -> int:
    """Copies what the target lacks.

    Args:
        place: Where from.
        keys: The armoured keys that metadata must be signed with.
        target: Where to.
        wanted: What.
        say: Told of each step, in Juju's words.
        dry_run: Whether to change nothing.

    Returns:
        How many were copied, or would be.

    Raises:
        JujulabError: There is nothing of this version, or something is not what it should be.
    """
    say(f"source for sync of agent binaries: {place.source.url}")
    say("listing available agent binaries")
    offered = offers(place, keys, wanted.stream)
    found = syncing.matching(offered, wanted.stream, wanted.major, wanted.minor, wanted.exact)
    if not found:
        raise JujulabError("no matching agent binaries available", next_step="see what there is with `jujulab streams`")
    say(f"found {len(found)} agent binaries")
    if not wanted.everything:
        found = syncing.newest(found)
        say(f"found {len(found)} recent agent binaries (version {found[0].item.binary.number})")
    say("listing target agent binaries storage")
    there = target.stored()
    missing = [offer for offer in found if offer.item.binary not in there]
    say(f"found {len(there)} agent binaries in target; {len(missing)} agent binaries to be copied")
    for offer in missing:
        say(f"copying {offer.item.binary} from {offer.url}")
        if not dry_run:
            _copy(place, target, offer, say)
    if not dry_run:
        target.finish()
        say(f"copied {len(missing)} agent binaries")
    return len(missing)


def _copy(place: Place, target: Target, offer: Offer, say: Say) -> None:
    item = offer.item
    say(f'downloading "{offer.stream}" tools/{item.path} ({offer.url})')
    with tempfile.TemporaryFile(prefix="jujulab-sync-") as file:
        try:
            verified(offer, place.read(item.path), file)
        except FileNotFoundError:
            raise JujulabError(f"{offer.url} is listed, but it is not there") from None
        say(f"uploading {item.binary} ({item.size // 1024}kB) to {target.description}")
        target.put(offer, file)
