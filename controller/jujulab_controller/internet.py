"""What the internet offers: signed simplestreams, read with care.

Nothing is believed that is not signed by the lab's key, and nothing is read without a limit on its size.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import ssl
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from jujulab_controller.state import models
from jujulab_controller.state.store import Store
from jujulab_core import simplestreams
from jujulab_core.errors import VerificationError
from jujulab_core.simplestreams import DEFAULT_LIMITS, IndexEntry, Item

logger = logging.getLogger("juju.environs.simplestreams")

INDEX = "streams/v1/index2.sjson"
# A whole exchange of a metadata file; binaries have a limit between two pieces instead.
METADATA_TIMEOUT = 30.0
# Hundreds of agents ask at once: within this time they share one look at the internet.
FRESH_SECONDS = 10.0


class NoMetadataError(VerificationError):
    """``no agent binaries available``: the internet is out of reach or offers nothing that can be trusted."""


@dataclass(frozen=True)
class Offer:
    """One binary that a stream offers.

    Attributes:
        stream: ``released``.
        item: What and where.
        url: The whole address.
    """

    stream: str
    item: Item
    url: str


class Internet:
    """The controller's way out."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._session: aiohttp.ClientSession | None = None
        self._looks: dict[str, tuple[float, asyncio.Future[list[Offer]]]] = {}

    async def offers(self, base_url: str = "", *, fresh: bool = False) -> list[Offer]:
        """All binaries of all streams below a base address.

        Args:
            base_url: Another place than the default one.
            fresh: Whether to look even if somebody looked a moment ago.

        Raises:
            NoMetadataError: Why there is nothing.
        """
        mine = await self._store.read(models.the_controller)
        base = (base_url or mine.streams_url).rstrip("/")
        now = asyncio.get_running_loop().time()
        look = self._looks.get(base)
        if look is None or (look[1].done() and (fresh or now - look[0] > FRESH_SECONDS)):
            look = (now, asyncio.ensure_future(self._look(base, mine.streams_key)))
            self._looks[base] = look
        return await asyncio.shield(look[1])

    async def open(self) -> aiohttp.ClientSession:
        """The HTTP client, which trusts the lab's CA and the system's."""
        if self._session is None:
            mine = await self._store.read(models.the_controller)
            context = ssl.create_default_context()
            context.load_verify_locations(cadata=mine.ca_cert)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=context, limit_per_host=8), auto_decompress=False
            )
        return self._session

    async def close(self) -> None:
        """Ends the HTTP client."""
        for _, look in self._looks.values():
            look.cancel()
        await asyncio.gather(*(look for _, look in self._looks.values()), return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _look(self, base: str, key: str) -> list[Offer]:
        async def signed(path: str, limit: int) -> bytes:
            return await verify(await self._get(f"{base}/{path}", limit), key)

        try:
            return await _read(base, signed)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NoMetadataError(f"cannot read {base}: {error or type(error).__name__}") from error
        except VerificationError as error:
            logger.warning("agent metadata at %s is refused: %s", base, error)
            raise NoMetadataError(f"agent metadata at {base} is refused: {error}") from error

    async def _get(self, url: str, limit: int) -> bytes:
        session = await self.open()
        timeout = aiohttp.ClientTimeout(total=METADATA_TIMEOUT)
        async with session.get(url, timeout=timeout) as response:
            if response.status != 200:
                raise NoMetadataError(f"{url}: HTTP {response.status}")
            data = bytearray()
            async for piece in response.content.iter_any():
                data += piece
                if len(data) > limit:
                    raise NoMetadataError(f"{url}: longer than {limit} bytes")
            return bytes(data)


async def _read(base: str, signed: Callable[[str, int], Awaitable[bytes]]) -> list[Offer]:
    offers: list[Offer] = []
    # The signature adds a little to the documents' own limits.
    index = await signed(INDEX, DEFAULT_LIMITS.index_bytes + 65536)
    for entry in simplestreams.parse_index(index).entries:
        text = await signed(_signed_path(entry), DEFAULT_LIMITS.products_bytes + 65536)
        for item in simplestreams.parse_products(text, entry.content_id):
            offers.append(Offer(entry.stream, item, f"{base}/{item.path}"))
    return offers


def _signed_path(entry: IndexEntry) -> str:
    return entry.path.removesuffix(".json").removesuffix(".sjson") + ".sjson"


async def verify(data: bytes, key: str) -> bytes:
    """Checks an OpenPGP clear-signed text.

    Args:
        data: The signed text.
        key: The armoured public key that must have signed it.

    Returns:
        What was signed, and nothing else of the input.

    Raises:
        VerificationError: It is not signed, or not by this key.
    """
    if not data.lstrip().startswith(b"-----BEGIN PGP SIGNED MESSAGE-----"):
        raise VerificationError("no PGP signature embedded in plain text data")
    with tempfile.TemporaryDirectory(prefix="jujulab-gpgv-") as directory:
        keyring = Path(directory, "key.gpg")
        keyring.write_bytes(dearmour(key))
        process = await asyncio.create_subprocess_exec(
            *("gpgv", "--quiet", "--homedir", directory, "--keyring", str(keyring), "--output", "-", "-"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(METADATA_TIMEOUT):
                text, talk = await process.communicate(data)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise VerificationError("the signature could not be checked in time") from None
    if process.returncode != 0:
        lines = talk.decode(errors="replace").strip().splitlines()
        raise VerificationError(f"bad signature: {lines[-1] if lines else 'gpgv refused it'}")
    return text


def dearmour(key: str) -> bytes:
    """The bytes of an ASCII-armoured key, as ``gpgv`` wants its keyrings.

    Raises:
        VerificationError: It is not an armoured key.
    """
    lines = [line.strip() for line in key.strip().splitlines()]
    if len(lines) < 3 or not lines[0].startswith("-----BEGIN PGP PUBLIC KEY BLOCK"):
        raise VerificationError("the key of the streams is not an armoured OpenPGP public key")
    body = lines[lines.index("") + 1 :] if "" in lines else lines[1:]
    text = "".join(line for line in body if line and line[0] not in "=-")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise VerificationError(f"the key of the streams is damaged: {error}") from error
