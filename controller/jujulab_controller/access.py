"""Rights that end while somebody uses them, and what failed logins cost.

Every call is checked when it comes in. What goes on for longer, a watcher's ``Next`` or the debug log, is ended
here as soon as the right to it is gone.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from jujulab_controller.auth import Access
from jujulab_controller.errors import TRY_AGAIN, permission_denied
from jujulab_controller.hub import Watcher
from jujulab_controller.state import users
from jujulab_core.errors import RpcError

if TYPE_CHECKING:
    from jujulab_controller.services import Services

T = TypeVar("T")

# So many passwords may be wrong in a row, and one more in every so many seconds.
BURST = 10
REFILL_SECONDS = 6.0
# Who fails under more names than this makes the oldest of them forgotten.
MAX_NAMES = 10_000
# A person's password costs 50 ms of CPU and 16 MiB; nobody gets more than this of them at once.
CHECKS_AT_ONCE = 4


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


class _Bucket(NamedTuple):
    left: float
    at: float


class FailedLogins:
    """How many wrong passwords somebody may still send for a user's name.

    It counts failures only, by the client's address and the name that it tried: a good login is free, and nobody
    shuts a user out from another address. Agents are not counted. Their passwords cannot be guessed, and all of
    them come back at once when the controller restarts.

    Attributes:
        checking: Held while a password is checked; look with :meth:`check` only after it is had.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """Begins with nobody suspected.

        Args:
            now: A clock in seconds that never goes back.
        """
        self.checking = asyncio.Semaphore(CHECKS_AT_ONCE)
        self._now = now
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()

    def check(self, remote: str, name: str) -> None:
        """Lets a password be tried.

        Raises:
            RpcError: ``try again``: too many were wrong; the message says when.
        """
        bucket = self._bucket(remote, name)
        if bucket.left < 1:
            wait = math.ceil((1 - bucket.left) * REFILL_SECONDS)
            raise RpcError(f"too many failed logins of user {name}: try again in {wait} seconds", TRY_AGAIN)

    def failed(self, remote: str, name: str) -> None:
        """Counts a password that was wrong."""
        bucket = self._bucket(remote, name)
        self._buckets[remote, name] = bucket._replace(left=max(bucket.left - 1, 0))
        self._buckets.move_to_end((remote, name))
        if len(self._buckets) > MAX_NAMES:
            self._buckets.popitem(last=False)

    def _bucket(self, remote: str, name: str) -> _Bucket:
        now = self._now()
        left, at = self._buckets.get((remote, name), _Bucket(BURST, now))
        return _Bucket(min(left + (now - at) / REFILL_SECONDS, BURST), now)
