"""What the internet offers to a model: the data sources in their order, each looked at with care.

Nothing is believed that is not signed by the controller's key, unless the operator said so, and nothing is read without
a limit on its size and its time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from jujulab_controller import controller_config
from jujulab_controller.state import metadata as state
from jujulab_controller.state import models
from jujulab_controller.state.store import Store
from jujulab_controller.transfer import METADATA_PATIENCE, NotThereError, Transfer
from jujulab_core.errors import JujulabError, VerificationError
from jujulab_core.looking import Look, Offer, Terms, failure_of
from jujulab_core.rules import metadata
from jujulab_core.rules.metadata import Policy, Source

logger = logging.getLogger("juju.environs.simplestreams")

# Hundreds of agents ask at once: within this time they share one look at a place.
FRESH_SECONDS = 10.0
# Who was told that something is not there may ask again after this time, so that what was just published is found.
AGAIN_SECONDS = 1.0
PROXY_KEYS = ("http-proxy", "https-proxy", "no-proxy", "juju-http-proxy", "juju-https-proxy", "juju-no-proxy")

_Key = tuple[Source, Policy, tuple[str, ...]]


class NoMetadataError(VerificationError):
    """``no agent binaries available``: the internet is out of reach or offers nothing that can be trusted."""


@dataclass(frozen=True)
class Offered:
    """What a model's data sources offer.

    Attributes:
        offers: All of it.
        failures: By stream why no source has it, although an index names it.
    """

    offers: list[Offer]
    failures: dict[str, JujulabError] = field(default_factory=dict)

    def of(self, streams: Collection[str]) -> list[Offer]:
        """What these streams offer.

        Raises:
            NoMetadataError: One of them cannot be trusted, or none of them is there.
        """
        failure = failure_of(streams, {offer.stream for offer in self.offers}, self.failures)
        if failure is not None:
            raise NoMetadataError(str(failure))
        return [offer for offer in self.offers if offer.stream in streams]


class Internet:
    """The controller's way out."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._transfer: Transfer | None = None
        self._looks: dict[_Key, tuple[float, asyncio.Future[Look]]] = {}

    async def offers(self, config: Mapping[str, Any], *, max_age: float = FRESH_SECONDS) -> Offered:
        """What a model's data sources offer. Of each stream the first source that has it counts (section C.4).

        Args:
            config: The model's ``agent-metadata-url`` and proxies.
            max_age: Seconds; if somebody looked since, that look counts.

        Raises:
            NoMetadataError: Why no source has anything; each is named.
        """
        mine = await self._store.read(models.the_controller)
        policy, proxies = controller_config.policy(mine), {key: str(config.get(key) or "") for key in PROXY_KEYS}
        found = Offered([])
        failures: list[str] = []
        answered = False
        for source in metadata.sources(str(config.get("agent-metadata-url") or ""), mine.streams_url):
            try:
                look = await self._shared_look(source, policy, proxies, max_age)
            except JujulabError as error:
                logger.warning("agent metadata of %s (%s) cannot be used: %s", source.name, source.url, error)
                failures.append(f"{source.name} {source.url}: {error}")
                continue
            answered = True
            there = {offer.stream for offer in found.offers}
            found.offers.extend(offer for offer in look.offers if offer.stream not in there)
            for stream, failure in look.failures.items():
                logger.warning("stream %s of %s (%s) cannot be used: %s", stream, source.name, source.url, failure)
                found.failures.setdefault(stream, failure)
        for stream in {offer.stream for offer in found.offers}:
            found.failures.pop(stream, None)
        if not answered:
            raise NoMetadataError("; ".join(failures))
        return found

    async def transfer(self) -> Transfer:
        """The HTTP client."""
        if self._transfer is None:
            self._transfer = Transfer((await self._store.read(models.the_controller)).ca_cert)
        return self._transfer

    async def close(self) -> None:
        """Ends looks that are under way and the HTTP client."""
        looks = [future for _, future in self._looks.values()]
        for future in looks:
            future.cancel()
        await asyncio.gather(*looks, return_exceptions=True)
        if self._transfer is not None:
            await self._transfer.close()

    async def _shared_look(self, source: Source, policy: Policy, proxies: Mapping[str, str], max_age: float) -> Look:
        now = asyncio.get_running_loop().time()
        for old, (began, future) in tuple(self._looks.items()):
            if future.done() and now - began > FRESH_SECONDS:
                del self._looks[old]
        key = (source, policy, tuple(proxies.values()))
        known = self._looks.get(key)
        if known is None or (known[1].done() and now - known[0] > max_age):
            known = (now, asyncio.ensure_future(self._look(source, policy, proxies)))
            # A look that nobody waits for any more may fail without a word.
            known[1].add_done_callback(lambda future: future.cancelled() or future.exception())
            self._looks[key] = known
        # One client that goes away must not end the look for the others.
        return await asyncio.shield(known[1])

    async def _look(self, source: Source, policy: Policy, proxies: Mapping[str, str]) -> Look:
        transfer = await self.transfer()
        mine, seen = await self._store.read(lambda db: (models.the_controller(db), state.seen(db, source.url)))
        keys = str(controller_config.effective(mine)[metadata.METADATA_KEY])
        look = Look(source, Terms(keys, policy, datetime.now(UTC), seen))
        wanted = look.step()
        while wanted is not None:
            data: bytes | None
            try:
                data = await transfer.text(f"{source.url}/{wanted.path}", wanted.limit, proxies, METADATA_PATIENCE)
            except NotThereError:
                data = None
            except JujulabError as error:
                wanted = look.failed(error)
                continue
            # Off the event loop: checking signatures and parsing megabytes take their time.
            wanted = await asyncio.to_thread(look.step, data)
        updated = look.index.updated
        if updated is not None and (seen is None or seen < updated):
            await self._store.write(lambda tx: state.note(tx, source.url, updated))
        return look
