"""Rights that end while somebody uses them.

Every call is checked when it comes in. What goes on for longer, a watcher's ``Next`` or the debug log, is ended
here as soon as the right to it is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from jujulab_controller.auth import Access
from jujulab_controller.errors import permission_denied
from jujulab_controller.hub import Watcher
from jujulab_controller.state import users

if TYPE_CHECKING:
    from jujulab_controller.services import Services

T = TypeVar("T")


async def while_allowed(
    services: Services, name: str, model_uuid: str, need: Access, work: Coroutine[Any, Any, T]
) -> T:
    """Does something for a user for as long as the user may.

    Args:
        services: The controller's parts.
        name: The user's.
        model_uuid: The model that it is about.
        need: What the user needs on it.
        work: What is done; it is cancelled when the right ends.

    Raises:
        RpcError: ``permission denied``: the right ended.
    """
    doing = asyncio.ensure_future(work)
    denied = asyncio.ensure_future(_denied(services, name, model_uuid, need))
    try:
        await asyncio.wait({doing, denied}, return_when=asyncio.FIRST_COMPLETED)
        if denied.done():
            denied.result()
            raise permission_denied()
        return doing.result()
    finally:
        doing.cancel()
        denied.cancel()
        await asyncio.gather(doing, denied, return_exceptions=True)


async def _denied(services: Services, name: str, model_uuid: str, need: Access) -> None:
    watcher = Watcher(services.hub, [("access", name)], fires_at_start=False)
    try:
        while await services.store.read(lambda db: users.access(db, name, model_uuid)) >= need:
            await watcher.next()
    finally:
        watcher.stop()
