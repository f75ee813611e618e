"""Looks every six hours for newer patches of what the models run, which ``status`` then tells of.

Source: the Juju upgrade specification, section F.1: only patches of the same major.minor version are looked for, and
an upgrade of the model resets the notice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from functools import partial

from jujulab_controller.services import Services
from jujulab_controller.state import models
from jujulab_controller.streams import available
from jujulab_core.errors import JujulabError
from jujulab_core.version import Number

logger = logging.getLogger("juju.worker.toolsversionchecker")

# Seconds between two looks, unless this variable of the controller's service says otherwise.
INTERVAL_SECONDS = 6 * 3600.0
INTERVAL_VARIABLE = "JUJULAB_VERSION_CHECK_SECONDS"
# The first look comes after the rush of agents that log in again.
FIRST_SECONDS = 5.0


def newest_patch(current: Number, versions: Iterable[Number]) -> Number | None:
    """The newest version of the same major.minor above the current one, or None."""
    minor = (current.major, current.minor)
    return max((other for other in versions if (other.major, other.minor) == minor and other > current), default=None)


async def look(services: Services) -> None:
    """Looks once, for every model."""
    for model in await services.store.read(lambda db: models.visible(db, "", everything=True)):
        current = Number.parse(model.agent_version)
        try:
            found = await available(services.store, services.internet, model.uuid, "", current.major, current.minor)
        except JujulabError as error:
            logger.warning('cannot look for newer versions for model "%s": %s', model.name, error)
            continue
        newer = newest_patch(current, found.versions)
        await services.store.write(partial(models.set_available, model=model, version=str(newer or "")))


async def keep_looking(services: Services, interval: float) -> None:
    """Looks soon after the start, and then at intervals, in seconds; ends when it is cancelled."""
    await asyncio.sleep(min(FIRST_SECONDS, interval))
    while True:
        await look(services)
        await asyncio.sleep(interval)
