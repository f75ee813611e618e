"""Downloads that end: with limits on their length, on their slowness and on the time they may take altogether."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from jujulab_core.errors import VerificationError
from jujulab_core.rules.proxies import proxy_for

_PIECE = 256 * 1024


class UnreachableError(VerificationError):
    """What was asked for could not be had: nobody answers, or the answer broke off."""


class NotThereError(UnreachableError):
    """The place answers that it has no such file."""


@dataclass(frozen=True)
class Patience:
    """How long a download may take.

    Attributes:
        window: Seconds over which its rate is looked at.
        least_rate: Bytes a second that it must bring in every window.
        total: Seconds for the whole.
        connect: Seconds for the connection.
    """

    window: float = 30.0
    least_rate: float = 1024.0
    total: float = 3600.0
    connect: float = 10.0


# A products file of megabytes has to come through a line that is meant to be slow.
METADATA_PATIENCE = Patience(window=10.0, total=300.0)
BINARY_PATIENCE = Patience()


class Transfer:
    """The controller's HTTP client, which trusts the lab's CA and the system's."""

    def __init__(self, ca_cert: str) -> None:
        context = ssl.create_default_context()
        if ca_cert:
            context.load_verify_locations(cadata=ca_cert)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, limit_per_host=8, keepalive_timeout=2.0),
            auto_decompress=False,
            headers={"Accept-Encoding": "identity"},
        )

    async def close(self) -> None:
        """Ends all downloads."""
        await self._session.close()

    async def text(self, url: str, limit: int, proxies: Mapping[str, Any], patience: Patience) -> bytes:
        """A whole file.

        Args:
            url: Which.
            limit: Bytes that it may have; one that says it has more is not read at all.
            proxies: The configuration that says which proxy to use.
            patience: How long it may take.

        Raises:
            NotThereError: There is none.
            UnreachableError: It could not be had.
            VerificationError: It is too long.
        """
        data = bytearray()
        async with self.pieces(url, proxies, patience, limit) as pieces:
            async for piece in pieces:
                data += piece
        return bytes(data)

    @contextlib.asynccontextmanager
    async def pieces(
        self, url: str, proxies: Mapping[str, Any], patience: Patience, limit: int
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """A file, piece by piece; raises as :meth:`text` does."""
        proxy = proxy_for(url, proxies)
        through = f" through the proxy {proxy}" if proxy else ""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=patience.connect, sock_read=patience.window)
        try:
            async with (
                asyncio.timeout(patience.total),
                self._session.get(url, timeout=timeout, proxy=proxy or None) as response,
            ):
                if response.status == 404:
                    raise NotThereError(f"{url}: HTTP 404")
                if response.status != 200:
                    raise UnreachableError(f"{url}{through}: HTTP {response.status} {response.reason}")
                if (response.content_length or 0) > limit:
                    raise VerificationError(
                        f"size mismatch for {url}: it has {response.content_length} bytes, at most {limit} are expected"
                    )
                yield _watched(response, url, patience, limit)
        # Some of the client's errors are both.
        except TimeoutError as error:
            raise UnreachableError(
                f"cannot read {url}{through}: too slow, it had not ended after {patience.total:g} s or brought nothing "
                f"for {patience.window:g} s"
            ) from error
        except aiohttp.ClientError as error:
            raise UnreachableError(f"cannot read {url}{through}: {error or type(error).__name__}") from error


async def _watched(response: aiohttp.ClientResponse, url: str, patience: Patience, limit: int) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    size = in_window = 0
    window_ends = loop.time() + patience.window
    async for piece in response.content.iter_chunked(_PIECE):
        size += len(piece)
        in_window += len(piece)
        if size > limit:
            raise VerificationError(f"size mismatch for {url}: it goes on after the {limit} bytes that are expected")
        yield piece
        if loop.time() >= window_ends:
            if in_window < patience.least_rate * patience.window:
                raise UnreachableError(
                    f"cannot read {url}: too slow, {in_window} bytes in {patience.window:g} s, at least "
                    f"{patience.least_rate:g} bytes a second are expected"
                )
            in_window, window_ends = 0, loop.time() + patience.window
