"""The HTTP side: agent binaries, health, the debug log, and where websockets begin."""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from jujulab_controller.access import while_allowed
from jujulab_controller.auth import Access, Identity
from jujulab_controller.backups_http import BackupsHttp
from jujulab_controller.debug_log import Filter
from jujulab_controller.door import trust
from jujulab_controller.errors import MODEL_NOT_FOUND, UNAUTHORIZED, permission_denied, unknown_model
from jujulab_controller.http_errors import error as http_error
from jujulab_controller.login import check_user, wrong_password
from jujulab_controller.register import register
from jujulab_controller.rpc.connection import MAX_REQUEST_BYTES, Connection
from jujulab_controller.rpc.session import Session
from jujulab_controller.services import Services
from jujulab_controller.state import models, users
from jujulab_controller.upgrade_requests import gather, refuse
from jujulab_core.errors import JujulabError, RpcError, VerificationError
from jujulab_core.rules import availability, checks
from jujulab_core.version import Binary

logger = logging.getLogger("juju.apiserver")

TAR_GZ = "application/x-tar-gz"
# The code of an error decides the status (the wire specification, section 7).
_HTTP_STATUS = {
    UNAUTHORIZED: 401,
    "no credentials provided": 401,
    "not found": 404,
    MODEL_NOT_FOUND: 404,
    "bad request": 400,
    "operation is blocked": 400,
    "try again": 429,
}
_PIECE = 256 * 1024
# A client that is told that the connection ends has so long to agree.
CLOSE_SECONDS = 3.0


class Http:
    """The routes, over the controller's parts."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._connections: set[Connection] = set()
        self._ending = False

    def routes(self) -> list[web.RouteDef]:
        """All of them."""
        backups = BackupsHttp(self._services, self._authenticate)
        model = r"/model/{model:[0-9a-zA-Z-]+}"
        return [
            web.get("/", self.api),
            web.get("/api", self.api),
            web.get(f"{model}/api", self.api),
            web.get("/log", self.log),
            web.get(f"{model}/log", self.log),
            web.get("/tools/{version}", self.get_tools),
            web.get(f"{model}/tools/{{version}}", self.get_tools),
            web.post("/tools", self.post_tools),
            web.post(f"{model}/tools", self.post_tools),
            web.post("/register", self.register),
            web.get("/health", self.health),
            web.get(f"{model}/backups", backups.get, allow_head=False),
            web.put(f"{model}/backups", backups.put),
        ]

    async def close(self) -> None:
        """Ends all websockets."""
        self._ending = True
        for connection in tuple(self._connections):
            await connection.close()

    async def api(self, request: web.Request) -> web.StreamResponse:
        """A websocket with Juju's RPC."""
        if self._ending:
            return web.Response(status=503, text="apiserver shutdown in progress")
        socket = web.WebSocketResponse(
            timeout=CLOSE_SECONDS, autoping=False, compress=False, max_msg_size=MAX_REQUEST_BYTES
        )
        if not socket.can_prepare(request):
            return http_error(400, "this is a websocket: see the API's documentation", "bad request")
        connection = Connection(self._services, Session(request.match_info.get("model"), request.remote or ""), socket)
        self._connections.add(connection)
        try:
            await connection.serve(request)
        finally:
            self._connections.discard(connection)
        return socket

    async def health(self, _request: web.Request) -> web.Response:
        """Whether the controller runs."""
        if self._ending:
            return web.Response(status=503, text="stopping")
        return web.Response(text="running")

    async def get_tools(self, request: web.Request) -> web.StreamResponse:
        """An agent binary; fetched first where the cache has none (the upgrade specification, section I.1)."""
        services = self._services
        try:
            version = Binary.parse(request.match_info["version"])
            model = request.match_info.get("model") or services.controller_model
            await self._need_model(model)
            row = await services.binaries.ensure(model, version)
        except JujulabError as error:
            message = error.message if isinstance(error, RpcError) else str(error)
            if isinstance(error, RpcError) and error.code == MODEL_NOT_FOUND:
                return http_error(_HTTP_STATUS[error.code], message, error.code)
            logger.error("error fetching agent binaries: %s", message)
            return http_error(400, f"error fetching agent binaries: {message}", "")
        return web.FileResponse(services.binaries.path(row.sha256), headers={"Content-Type": TAR_GZ})

    async def post_tools(self, request: web.Request) -> web.Response:
        """Takes an agent binary in, for one series or for several."""
        try:
            tools = await self._upload(request)
        except JujulabError as error:
            code = error.code if isinstance(error, RpcError) else ""
            message = error.message if isinstance(error, RpcError) else str(error)
            status = _HTTP_STATUS.get(code, 500 if isinstance(error, RpcError) and not code else 400)
            return http_error(status, message, code)
        return web.json_response({"tools": tools})

    async def log(self, request: web.Request) -> web.StreamResponse:
        """The debug log as a stream; the login comes first, then a frame that says how it went."""
        socket = web.WebSocketResponse(compress=False)
        if not socket.can_prepare(request):
            return http_error(400, "this is a websocket: see the API's documentation", "bad request")
        await socket.prepare(request)
        model = request.match_info.get("model") or self._services.controller_model
        try:
            user = await self._authenticate(request, model, Access.READ)
            wanted = Filter.from_query(request.query, model)
        except JujulabError as error:
            code = error.code if isinstance(error, RpcError) else ""
            message = error.message if isinstance(error, RpcError) else str(error)
            await socket.send_str(json.dumps({"error": {"message": message, "code": code}}) + "\n")
            await socket.close()
            return socket
        trust(request)
        await socket.send_str("{}\n")
        streaming = wanted.stream_to(socket, self._services.logs)
        with contextlib.suppress(RpcError):
            await while_allowed(self._services, user.name, model, Access.READ, streaming)
        await socket.close()
        return socket

    async def register(self, request: web.Request) -> web.Response:
        """Gives a new user the password that he wants."""
        try:
            return web.json_response(await register(self._services, request))
        except RpcError as error:
            return http_error(_HTTP_STATUS.get(error.code, 500), error.message, error.code)

    async def _upload(self, request: web.Request) -> list[dict[str, Any]]:
        services = self._services
        model = request.match_info.get("model") or services.controller_model
        user = await self._authenticate(request, model, Access.READ)
        refuse(checks.change_refusal(await services.store.read(lambda db: gather(db, services, model, user))))
        text = request.query.get("binaryVersion", "")
        if not text:
            raise RpcError("expected binaryVersion argument", "bad request")
        try:
            first = Binary.parse(text)
        except JujulabError as error:
            raise RpcError(f'invalid agent binaries version "{text}": {error}', "bad request") from error
        if request.content_type != TAR_GZ:
            raise RpcError(f"expected Content-Type: {TAR_GZ}, got: {request.content_type}", "bad request")
        series = [name for name in request.query.get("series", "").split(",") if name] or [first.series]
        keeper = services.controller_model if availability.uploads_are_shared(services.version) else model
        try:
            row = await services.binaries.add(keeper, first, _body(request), "upload")
        except VerificationError as error:
            raise RpcError(str(error), "bad request") from error
        endpoint = await services.user_endpoint()
        tools = []
        for name in dict.fromkeys([first.series, *series]):
            version = Binary(first.number, name, first.arch)
            await services.binaries.alias(keeper, version, row)
            tools.append(
                {
                    "version": str(version),
                    "url": services.tools_url(model, version, endpoint),
                    "sha256": row.sha256,
                    "size": row.size,
                }
            )
        return tools

    async def _need_model(self, uuid: str) -> None:
        if await self._services.store.read(lambda db: models.find(db, uuid)) is None:
            raise unknown_model(uuid)

    async def _authenticate(self, request: web.Request, model: str, need: Access) -> Identity:
        """Checks HTTP basic auth with a user's tag as the name."""
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            raise RpcError("no credentials provided", "no credentials provided")
        try:
            tag, _, password = base64.b64decode(text, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise wrong_password() from None
        if not tag.startswith("user-"):
            raise wrong_password()
        name = tag.removeprefix("user-").removesuffix("@local")
        await check_user(self._services, name, password, request.remote or "")
        await self._need_model(model)
        if await self._services.store.read(lambda db: users.access(db, name, model)) < need:
            raise permission_denied()
        return Identity("user", name, f"user-{name}")


async def _body(request: web.Request) -> AsyncIterator[bytes]:
    async for piece in request.content.iter_chunked(_PIECE):
        yield piece
