"""Which binaries a model can have: its catalogue and the streams that it searches."""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import Connection

from jujulab_controller.errors import NOT_FOUND
from jujulab_controller.internet import AGAIN_SECONDS, FRESH_SECONDS, PROXY_KEYS, Internet, NoMetadataError
from jujulab_controller.state import binaries, models
from jujulab_controller.state.store import Store
from jujulab_core.errors import RpcError
from jujulab_core.looking import Offer
from jujulab_core.rules import availability
from jujulab_core.rules.availability import Availability
from jujulab_core.version import Binary, Number

logger = logging.getLogger("juju.environs.tools")


async def candidates(
    store: Store,
    internet: Internet,
    model_uuid: str,
    *,
    stream: str = "",
    wanted: Number | None = None,
    max_age: float = FRESH_SECONDS,
) -> list[Offer]:
    """What the model's streams offer, the preferred streams first (the specification, section I.4).

    Args:
        store: The state.
        internet: Where to look.
        model_uuid: Whose configuration says which streams.
        stream: Another stream than the configuration's.
        wanted: The exact version that an agent asks for, None for the search of an upgrade command.
        max_age: Seconds; if somebody looked since, that look counts.

    Raises:
        NoMetadataError: The internet is out of reach, or cannot be trusted in these streams.
    """
    config = await store.read(lambda db: download_config(db, model_uuid))
    searched = _searched(config, stream, wanted)
    offers = (await internet.offers(config, max_age=max_age)).of(searched)
    return sorted(offers, key=lambda offer: searched.index(offer.stream))


async def available(
    store: Store,
    internet: Internet,
    model_uuid: str,
    stream: str,
    major: int,
    minor: int = -1,
    wanted: Number | None = None,
) -> Availability:
    """The binaries of a major version that a model could go to (the specification, section C.4).

    Args:
        store: The state.
        internet: Where to look.
        model_uuid: Whose catalogue and configuration.
        stream: ``--agent-stream``, or empty for the configuration's.
        major: The major version.
        minor: The minor version, -1 for all.
        wanted: The exact version that agents will ask for, None for the search of an upgrade command.
    """
    config, stored = await store.read(
        lambda db: (download_config(db, model_uuid), list(binaries.of_model(db, model_uuid)))
    )
    searched = _searched(config, stream, wanted)
    streams: dict[str, list[Binary]] = {}
    try:
        for offer in (await internet.offers(config, max_age=AGAIN_SECONDS if wanted else 0.0)).of(searched):
            streams.setdefault(offer.stream, []).append(offer.item.binary)
    except NoMetadataError as error:
        # What is in the catalogue can be had all the same; with nothing there, Juju's words follow below.
        logger.warning("%s", error)
    return availability.find(
        [Binary.parse(version) for version in stored],
        streams or None,
        searched,
        availability.of_major(major, minor),
    )


def need(found: Availability) -> Availability:
    """Returns what was found.

    Raises:
        RpcError: Nothing was, in Juju's words.
    """
    if not found.binaries:
        raise RpcError(found.error, NOT_FOUND)
    return found


def download_config(db: Connection, model_uuid: str) -> dict[str, Any]:
    """A model's configuration for downloads; its proxies are the controller model's where it has none itself."""
    config = models.config(models.get(db, model_uuid))
    if any(config.get(key) for key in PROXY_KEYS):
        return config
    shared = models.config(models.get(db, models.the_controller(db).model_uuid))
    return config | {key: shared[key] for key in PROXY_KEYS if key in shared}


def _searched(config: dict[str, Any], stream: str, wanted: Number | None) -> tuple[str, ...]:
    return availability.streams_searched(
        stream or str(config.get("agent-stream") or ""), wanted, development=bool(config.get("development"))
    )
