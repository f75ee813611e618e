"""What it costs to try passwords: the limits that keep guesses few, and floods of them from holding up the others."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import math
import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple, TypeVar

from jujulab_controller.errors import TRY_AGAIN
from jujulab_core.errors import RpcError

K = TypeVar("K")

# So many passwords of one name may be wrong in a row, and one more in every so many seconds.
BURST = 10
REFILL_SECONDS = 6.0
# The same for all names that one address tries; people behind one address have typing errors of their own.
ADDRESS_BURST = 60
ADDRESS_REFILL_SECONDS = 1.0
# Who fails under more names than this makes the oldest of them forgotten.
MAX_NAMES = 10_000
# Logins of one name from one address that may wait for their turn; a crowd of good clients is smaller.
MAX_WAITING = 100
# A person's password costs 50 ms of CPU and 16 MiB; nobody gets more than this of them at once.
CHECKS_AT_ONCE = 2


class _Bucket(NamedTuple):
    left: float
    at: float


class FailedLogins:
    """How many wrong passwords somebody may still send.

    It counts failures only, by the client's address and the name that it tried, and by the address alone: a good login
    is free, and nobody shuts a user out from another address. A password that was right a moment ago is known again
    without the expensive hash, so that a flood of wrong ones costs those who are here already nothing. Agents are not
    counted. Their passwords cannot be guessed, and all of them come back at once when the controller restarts.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """Begins with nobody suspected.

        Args:
            now: A clock in seconds that never goes back.
        """
        self._now = now
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()
        self._addresses: OrderedDict[str, _Bucket] = OrderedDict()
        self._waiting: Counter[tuple[str, str]] = Counter()
        self._locks: dict[tuple[str, str], asyncio.Lock] = {}
        self._checking = asyncio.Semaphore(CHECKS_AT_ONCE)
        # Of this process only: what is kept is worth nothing to whoever reads it elsewhere.
        self._key = secrets.token_bytes(32)
        self._known: OrderedDict[str, bytes] = OrderedDict()

    @contextlib.asynccontextmanager
    async def turn(self, remote: str, name: str) -> AsyncIterator[FailedLogins]:
        """For the time of one try: nobody else tries this name from this address.

        Raises:
            RpcError: ``try again``: too many were wrong, or too many wait.
        """
        key = (remote, name)
        if self._waiting[key] >= MAX_WAITING:
            raise RpcError("try again", TRY_AGAIN)
        self._waiting[key] += 1
        lock = self._locks.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                self.check(remote, name)
                yield self
        finally:
            self._waiting[key] -= 1
            if not self._waiting[key]:
                del self._waiting[key], self._locks[key]

    async def is_right(self, remote: str, name: str, password: str, stored: str, check: Callable[[], bool]) -> bool:
        """Whether a password is right; only in a :meth:`turn`.

        Args:
            remote: The client's address.
            name: The user's name.
            password: What was given.
            stored: The hash that it must match.
            check: Hashes it, which takes long on purpose; run elsewhere than in the event loop, and only for one that
                is not known.

        Raises:
            RpcError: ``try again``: too many passwords from this address were wrong.
        """
        if hmac.compare_digest(self._known.get(name, b""), mark := self._mark(password, stored)):
            return True
        async with self.hashing(remote):
            right = await asyncio.get_running_loop().run_in_executor(None, check)
        if right:
            self._known[name] = mark
            self._known.move_to_end(name)
            if len(self._known) > MAX_NAMES:
                self._known.popitem(last=False)
        else:
            self.failed(remote, name)
        return right

    @contextlib.asynccontextmanager
    async def hashing(self, remote: str) -> AsyncIterator[None]:
        """For the time in which a password is hashed.

        Raises:
            RpcError: ``try again``: too many passwords from this address were wrong.
        """
        self._check_address(remote)
        async with self._checking:
            self._check_address(remote)
            yield

    def check(self, remote: str, name: str) -> None:
        """Lets a password be tried.

        Raises:
            RpcError: ``try again``: too many were wrong; the message says when.
        """
        bucket = _filled(self._buckets.get((remote, name)), self._now(), BURST, REFILL_SECONDS)
        if bucket.left < 1:
            wait = math.ceil((1 - bucket.left) * REFILL_SECONDS)
            raise RpcError(f"too many failed logins of user {name}: try again in {wait} seconds", TRY_AGAIN)

    def failed(self, remote: str, name: str) -> None:
        """Counts a password that was wrong."""
        _spend(self._buckets, (remote, name), self._now(), BURST, REFILL_SECONDS)
        _spend(self._addresses, remote, self._now(), ADDRESS_BURST, ADDRESS_REFILL_SECONDS)

    def _check_address(self, remote: str) -> None:
        if _filled(self._addresses.get(remote), self._now(), ADDRESS_BURST, ADDRESS_REFILL_SECONDS).left < 1:
            raise RpcError("too many failed logins from this address: try again in a moment", TRY_AGAIN)

    def _mark(self, password: str, stored: str) -> bytes:
        return hmac.digest(self._key, f"{stored} {password}".encode(), "sha256")


def _filled(bucket: _Bucket | None, now: float, burst: int, refill_seconds: float) -> _Bucket:
    left, at = bucket or (burst, now)
    return _Bucket(min(left + (now - at) / refill_seconds, burst), now)


def _spend(buckets: OrderedDict[K, _Bucket], key: K, now: float, burst: int, refill_seconds: float) -> None:
    bucket = _filled(buckets.get(key), now, burst, refill_seconds)
    buckets[key] = bucket._replace(left=max(bucket.left - 1, 0))
    buckets.move_to_end(key)
    if len(buckets) > MAX_NAMES:
        buckets.popitem(last=False)
