"""Which agent metadata is believed: where it is looked for, signed by whom, of which age.

Sources: the Juju upgrade specification, sections I.2 and I.5; the checks of the age are ours (Juju believes any index
that is signed, however old).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from jujulab_core.errors import VerificationError
from jujulab_core.simplestreams import INDEX_PATHS, NOT_SIGNED, Index

ALLOW_UNSIGNED = "allow-unsigned-metadata"
ALLOW_OLDER = "allow-older-metadata"
ALLOW_EXPIRED = "allow-expired-metadata"
METADATA_KEY = "agent-metadata-key"

# Clocks differ; more than this ahead of ours is no clock's doing.
MAX_AHEAD = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Source:
    """A place with simplestreams.

    Attributes:
        name: Juju's name of it: ``agent-metadata-url`` or ``default simplestreams``.
        url: Its base address, without a slash at the end.
        may_be_unsigned: Whether the operator may let it be unsigned at all.
    """

    name: str
    url: str
    may_be_unsigned: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator allows in the controller's configuration.

    Attributes:
        unsigned: ``allow-unsigned-metadata``.
        older: ``allow-older-metadata``.
        expired: ``allow-expired-metadata``.
    """

    unsigned: bool = False
    older: bool = False
    expired: bool = False


def sources(metadata_url: str, default_url: str) -> tuple[Source, ...]:
    """Where one model's requests look, in order (section I.5).

    Args:
        metadata_url: The model's ``agent-metadata-url``, or empty.
        default_url: Where the whole world's streams are.
    """
    default = Source("default simplestreams", default_url.rstrip("/"), may_be_unsigned=False)
    if not metadata_url:
        return (default,)
    return Source("agent-metadata-url", metadata_url.rstrip("/"), may_be_unsigned=True), default


def index_paths(source: Source, policy: Policy) -> tuple[str, ...]:
    """The files to try, in order; unsigned ones only where source and operator allow them."""
    unsigned = source.may_be_unsigned and policy.unsigned
    return tuple(path for path in INDEX_PATHS if unsigned or is_signed(path))


def is_signed(path: str) -> bool:
    """Whether a file of this name must be clear-signed."""
    return path.endswith(".sjson")


def signed_path(path: str) -> str:
    """The name of a file's signed form."""
    return path.removesuffix(".json").removesuffix(".sjson") + ".sjson"


def unsigned_text(source: Source) -> str:
    """Why a place that has only unsigned metadata is refused."""
    if not source.may_be_unsigned:
        return f"{NOT_SIGNED}: {source.name} must be signed"
    return (
        f"{NOT_SIGNED}: a mirror must be signed; to trust it as it is, set the controller's configuration "
        f"{ALLOW_UNSIGNED}=true"
    )


def check_age(index: Index, now: datetime, seen: datetime | None, policy: Policy) -> None:
    """Refuses an index that is too old or too new to be believed.

    Args:
        index: Its signature was checked.
        now: The present.
        seen: The newest index that ever came from this place; None if none ever did.
        policy: What the operator allows.

    Raises:
        VerificationError: It is older than `seen`, has expired, or is dated in the future.
    """
    if seen is not None and not policy.older and (index.updated is None or index.updated < seen):
        raise VerificationError(
            f"the index is of {_print(index.updated)}, older than one of {_print(seen)} that was seen before: somebody "
            f"replays an old one; to accept it, set the controller's configuration {ALLOW_OLDER}=true"
        )
    if policy.expired:
        return
    if index.expires is not None and index.expires < now:
        raise VerificationError(
            f"the index expired on {_print(index.expires)}: nobody has renewed it; to accept it, set the controller's "
            f"configuration {ALLOW_EXPIRED}=true"
        )
    if index.updated is not None and index.updated > now + MAX_AHEAD:
        raise VerificationError(
            f"the index is dated {_print(index.updated)}, in the future: compare the clocks; to accept it, set the "
            f"controller's configuration {ALLOW_EXPIRED}=true"
        )


def _print(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S %Z}" if moment else "no known date"
