"""What goes wrong with a request before a handler has it, or around one: answers of Juju's shape, one line of log."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from jujulab_controller.door import trust
from jujulab_controller.errors import BAD_REQUEST, NOT_FOUND
from jujulab_core.errors import JujulabError, RpcError

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
# Juju's words for what a router finds (the wire specification, section 7).
_CODES = {404: NOT_FOUND, 405: "method not allowed"}


def error(status: int, message: str, code: str) -> web.Response:
    """An error as Juju's HTTP side answers with it."""
    return web.json_response({"error": {"message": message, "code": code}}, status=status)


@web.middleware
async def answer_in_jujus_shape(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Notes that somebody has made a request, and puts what the router or the server refuses into Juju's shape."""
    # A websocket is only an open door: there the login counts.
    if request.headers.get("Upgrade", "").lower() != "websocket":
        trust(request)
    try:
        return await handler(request)
    except web.HTTPException as refused:
        if refused.status < 400:
            raise
        return error(refused.status, refused.text or refused.reason, _CODES.get(refused.status, BAD_REQUEST))
    except RpcError as refused:
        return error(400, refused.message, refused.code)
    except JujulabError as refused:
        return error(400, str(refused), "")
    except (web.RequestPayloadError, UnicodeDecodeError, LookupError) as broken:
        return error(400, f"cannot read the request: {broken}", BAD_REQUEST)


class _OneLine(logging.Filter):
    """Takes the traceback from what a client did: a request that is none says nothing about this program."""

    def filter(self, record: logging.LogRecord) -> bool:
        cause = record.exc_info[1] if record.exc_info else None
        if isinstance(cause, HttpProcessingError):
            record.msg, record.args = (
                "closing a connection that sent no HTTP request: %s",
                (cause.message.partition("\n")[0],),
            )
            record.exc_info, record.levelno, record.levelname = None, logging.WARNING, "WARNING"
        return True


def one_line() -> logging.Logger:
    """The logger of the HTTP server."""
    logger = logging.getLogger("juju.apiserver.http")
    if not logger.filters:
        logger.addFilter(_OneLine())
    return logger
