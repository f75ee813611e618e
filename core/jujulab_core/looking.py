"""One look at a place with simplestreams: which files to read in which order, and whether what they say is believed.

It does no input of its own: :class:`Look` says which file it wants next and is given what was read, so that the
controller (which downloads) and the command line (which may read a directory) look in the same way.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from jujulab_core import openpgp, simplestreams
from jujulab_core.errors import JujulabError, VerificationError
from jujulab_core.rules import metadata
from jujulab_core.rules.metadata import Policy, Source
from jujulab_core.simplestreams import DEFAULT_LIMITS, INDEX_PATH, OLD_INDEX_PATH, Index, IndexEntry, Item

# A signature adds a little to the documents' own limits.
_SIGNATURE_BYTES = 65536


class NothingThereError(VerificationError):
    """A place has no agent metadata at all."""


class AbsentError(VerificationError):
    """A place's index names a file that is not there, as on a mirror of one stream only."""


@dataclass(frozen=True)
class Offer:
    """One binary that a stream offers.

    Attributes:
        stream: ``released``.
        item: What and where.
        url: The whole address.
        source: The name of the place.
    """

    stream: str
    item: Item
    url: str
    source: str


@dataclass(frozen=True)
class Terms:
    """On which terms a place is believed.

    Attributes:
        keys: The armoured keys, one of which must have signed.
        policy: What the operator allows.
        now: The present.
        seen: The newest index that ever came from there.
    """

    keys: str
    policy: Policy
    now: datetime
    seen: datetime | None = None


class Wanted(NamedTuple):
    """A file to read.

    Attributes:
        path: Below the place's base address.
        limit: Bytes that it may have; a longer one is refused unread.
    """

    path: str
    limit: int


def failure_of(
    streams: Collection[str], found: Collection[str], failures: Mapping[str, JujulabError]
) -> JujulabError | None:
    """Why a search of some streams cannot be answered; None where it can.

    A refusal is never made good by another stream, or a place could choose what is seen of it. A file that is absent is
    no such thing: the next stream of the search does.

    Args:
        streams: The streams that are searched.
        found: Those that something was found of.
        failures: As of :class:`Look`.
    """
    failed = [failures[stream] for stream in streams if stream in failures]
    refused = [error for error in failed if not isinstance(error, AbsentError)]
    if refused:
        return refused[0]
    return failed[0] if failed and not {*streams} & {*found} else None


_Steps = Generator[Wanted, bytes | None, None]


class Look:
    """A look under way.

    Attributes:
        index: What the index said, when it was read.
        offers: What is offered; complete when :meth:`step` has returned None.
        failures: By stream why it cannot be had here, although the index names it; none of its offers is taken.
    """

    def __init__(self, source: Source, terms: Terms) -> None:
        self._source = source
        self._terms = terms
        self._steps = self._run()
        self.index = Index(())
        self.offers: list[Offer] = []
        self.failures: dict[str, JujulabError] = {}

    def step(self, data: bytes | None = None) -> Wanted | None:
        """Goes on to the next file. It may take a while: signatures are checked and megabytes are parsed.

        Args:
            data: The file that the last step wanted, None where there is none; nothing for the first step.

        Returns:
            The next file, or None at the end.

        Raises:
            NothingThereError: The place has no metadata.
            VerificationError: What it has is not believed, in no stream; the message says why.
        """
        try:
            return self._steps.send(data)
        except StopIteration:
            return None

    def failed(self, error: JujulabError) -> Wanted | None:
        """Goes on without the file that the last step wanted, which could not be read.

        Raises:
            JujulabError: The same, where it cannot be done without.
        """
        try:
            return self._steps.throw(error)
        except StopIteration:
            return None

    def _run(self) -> _Steps:
        path, text = yield from self._read_index()
        self.index = simplestreams.parse_index(text)
        metadata.check_age(self.index, self._terms.now, self._terms.seen, self._terms.policy)
        for entry in self.index.entries:
            try:
                items = yield from self._read_products(entry, signed=metadata.is_signed(path))
            except JujulabError as error:
                self._note(entry.stream, error)
                continue
            for item in items:
                url = f"{self._source.url}/{item.path}"
                self.offers.append(Offer(entry.stream, item, url, self._source.name))
        # What was read of a stream does for a file of it that is absent, but not for one that is refused.
        there = {offer.stream for offer in self.offers}
        for stream in [stream for stream, error in self.failures.items() if isinstance(error, AbsentError)]:
            if stream in there:
                del self.failures[stream]
        self.offers = [offer for offer in self.offers if offer.stream not in self.failures]
        if self.failures and not self.offers:
            raise next(iter(self.failures.values()))

    def _note(self, stream: str, error: JujulabError) -> None:
        if stream not in self.failures or isinstance(self.failures[stream], AbsentError):
            self.failures[stream] = error

    def _read_index(self) -> Generator[Wanted, bytes | None, tuple[str, bytes]]:
        # A signed index that is refused is not followed by an unsigned one: only one that is not there is.
        for path in metadata.index_paths(self._source, self._terms.policy):
            data = yield Wanted(path, DEFAULT_LIMITS.index_bytes + _SIGNATURE_BYTES)
            if data is not None:
                return path, self._text(path, data)
        for path in (INDEX_PATH, OLD_INDEX_PATH):
            if (yield Wanted(path, DEFAULT_LIMITS.index_bytes)) is not None:
                raise VerificationError(metadata.unsigned_text(self._source))
        raise NothingThereError(f"there is no agent metadata at {self._source.url}")

    def _read_products(self, entry: IndexEntry, *, signed: bool) -> Generator[Wanted, bytes | None, list[Item]]:
        path = metadata.signed_path(entry.path) if signed else entry.path
        data = yield Wanted(path, DEFAULT_LIMITS.products_bytes + _SIGNATURE_BYTES)
        if data is None:
            raise AbsentError(f"the index at {self._source.url} names {path}, which is not there")
        return simplestreams.parse_products(self._text(path, data), entry.content_id, not_before=entry.updated)

    def _text(self, path: str, data: bytes) -> bytes:
        return openpgp.verify(data, self._terms.keys) if metadata.is_signed(path) else data
