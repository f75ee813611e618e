"""Request and reply frames; pure (the wire specification, section 4)."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from jujulab_core.errors import RpcError

# Juju cuts big replies into fragments of this size; some clients refuse longer frames.
FRAGMENT_BYTES = 64 * 1024
_TEXT, _CONTINUATION, _FINAL = 0x1, 0x0, 0x80


class Request(NamedTuple):
    """One call.

    Attributes:
        number: The request's id, echoed in the reply.
        facade: ``Client``.
        version: 8.
        method: ``FullStatus``.
        id: A watcher's id, or an empty string.
        params: The parameters; nulls are still there.
    """

    number: int
    facade: str
    version: int
    method: str
    id: str
    params: dict[str, Any]


class MalformedError(ValueError):
    """What came is not a request; there is nobody to answer."""


def parse(text: str) -> Request:
    """Reads a request; keys of the frame count without regard to case, nulls as absent.

    Raises:
        MalformedError: It is not JSON, not an object, or has no usable ``request-id``.
    """
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"not JSON: {error}") from error
    if not isinstance(frame, dict):
        raise MalformedError("not an object")
    fields = {key.lower(): value for key, value in frame.items() if value is not None}
    number = fields.get("request-id")
    if type(number) is not int or number < 0:
        raise MalformedError("no request-id")
    version = fields.get("version", 0)
    params = fields.get("params", {})
    return Request(
        number,
        str(fields.get("type", "")),
        version if type(version) is int else 0,
        str(fields.get("request", "")),
        str(fields.get("id", "")),
        params if isinstance(params, dict) else {},
    )


def good(number: int, response: dict[str, Any]) -> bytes:
    """Prints the answer to a call that worked."""
    return json.dumps({"request-id": number, "response": response}, separators=(",", ":")).encode()


def bad(number: int, error: RpcError) -> bytes:
    """Prints the answer to a call that failed."""
    frame: dict[str, Any] = {"request-id": number, "error": error.message}
    if error.code:
        frame["error-code"] = error.code
    if error.info:
        frame["error-info"] = error.info
    return json.dumps(frame | {"response": {}}, separators=(",", ":")).encode()


def fragments(message: bytes) -> Iterator[bytes]:
    """Cuts a text message into websocket frames as a server sends them (not masked)."""
    view = memoryview(message)
    opcode = _TEXT
    while True:
        part, view = view[:FRAGMENT_BYTES], view[FRAGMENT_BYTES:]
        first = opcode | (0 if view else _FINAL)
        if len(part) < 126:
            header = struct.pack("!BB", first, len(part))
        elif len(part) < 65536:
            header = struct.pack("!BBH", first, 126, len(part))
        else:
            header = struct.pack("!BBQ", first, 127, len(part))
        yield header + bytes(part)
        opcode = _CONTINUATION
        if not view:
            return
