"""``/model/UUID/backups``: GET with a JSON body gives an archive, PUT takes one in (ours; Juju's is multipart)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from jujulab_controller.auth import Access, Identity
from jujulab_controller.backups import NOT_THE_CONTROLLER_MODEL, RESTORING
from jujulab_controller.errors import NOT_FOUND, UNAUTHORIZED, bad_request
from jujulab_controller.rpc.frames import MalformedError, load
from jujulab_core.errors import JujulabError, RpcError

if TYPE_CHECKING:
    from jujulab_controller.services import Services

logger = logging.getLogger("juju.apiserver.backups")
Authenticate = Callable[[web.Request, str, Access], Awaitable[Identity]]

# The code of an error decides the status (the wire specification, section 7).
_STATUS = {
    UNAUTHORIZED: 401,
    "no credentials provided": 401,
    NOT_FOUND: 404,
    "model not found": 404,
    "bad request": 400,
}
_PIECE = 256 * 1024


class BackupsHttp:
    """Backups over HTTP."""

    def __init__(self, services: Services, authenticate: Authenticate) -> None:
        """Prepares the handlers.

        Args:
            services: The controller's parts.
            authenticate: Checks a request's credentials and that they give an access to a model.
        """
        self._services = services
        self._authenticate = authenticate

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Gives an archive; one that is not kept is gone when it was given."""
        try:
            await self._check(request)
            metadata, archive, kept = self._services.backups.find(await _wanted(request))
        except JujulabError as error:
            return _error(error)
        answer = web.StreamResponse(
            headers={"Content-Type": "application/octet-stream", "Digest": f"SHA={metadata.checksum}"}
        )
        await answer.prepare(request)
        async for piece in _pieces(archive):
            await answer.write(piece)
        await answer.write_eof()
        if not kept:
            self._services.backups.remove(metadata.id)
        return answer

    async def put(self, request: web.Request) -> web.Response:
        """Takes an archive in; answers with its ID."""
        try:
            await self._check(request)
            metadata = await self._services.backups.receive(request.content.iter_chunked(_PIECE))
        except JujulabError as error:
            return _error(error)
        logger.info("backup %s was uploaded", metadata.id)
        return web.json_response({"id": metadata.id})

    async def _check(self, request: web.Request) -> None:
        services = self._services
        if services.backups.restoring:
            raise RpcError(RESTORING)
        model = request.match_info["model"]
        await self._authenticate(request, model, Access.SUPERUSER)
        if model != services.controller_model:
            raise bad_request(NOT_THE_CONTROLLER_MODEL)


async def _wanted(request: web.Request) -> str:
    try:
        wanted = load((await request.read()).decode()).get("id")
    except (UnicodeDecodeError, MalformedError) as error:
        raise bad_request(f"the request's body is not a JSON object: {error}") from None
    if not isinstance(wanted, str) or not wanted:
        raise bad_request("missing backup ID")
    return wanted


async def _pieces(archive: Path) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    with archive.open("rb") as file:
        while piece := await loop.run_in_executor(None, file.read, _PIECE):
            yield piece


def _error(error: JujulabError) -> web.Response:
    code = error.code if isinstance(error, RpcError) else ""
    message = error.message if isinstance(error, RpcError) else str(error)
    return web.json_response({"message": message, "code": code}, status=_STATUS.get(code, 500))
