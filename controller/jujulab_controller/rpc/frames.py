"""Request and reply frames; pure (the wire specification, section 4)."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from jujulab_controller.errors import bad_request
from jujulab_core.errors import RpcError

# Juju cuts big replies into fragments of this size; some clients refuse longer frames.
FRAGMENT_BYTES = 64 * 1024
# Requests of real clients have four levels.
MAX_DEPTH = 50
_TEXT, _CONTINUATION, _FINAL = 0x1, 0x0, 0x80
# The fields of a request in the order of Request, with what an absent one counts as.
_FIELDS: tuple[tuple[str, Any, type, str], ...] = (
    ("type", "", str, "a text"),
    ("version", 0, int, "a whole number"),
    ("request", "", str, "a text"),
    ("id", "", str, "a text"),
    ("params", None, dict, "an object"),
)


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


class WrongTypeError(MalformedError):
    """A field of a request is not what it should be; who sent it can be told.

    Attributes:
        number: The request's id.
        refusal: What to answer.
    """

    def __init__(self, number: int, field: str, expected: str) -> None:
        self.number = number
        self.refusal = bad_request(f"{field} of the request is not {expected}")
        super().__init__(self.refusal.message)


def parse(text: str) -> Request:
    """Reads a request; keys of the frame count without regard to case, nulls as absent.

    Raises:
        WrongTypeError: It has a ``request-id``, and another field is of a wrong type.
        MalformedError: It is not JSON as the standard has it, not an object, nested deeper than any real request, or
            has no usable ``request-id``.
    """
    frame = load(text)
    fields = {key.lower(): value for key, value in frame.items() if value is not None}
    number = fields.get("request-id")
    if type(number) is not int or not 0 <= number < 2**64:
        raise MalformedError("no request-id")
    known = fields.get("id", "")
    if type(known) is int:
        fields["id"] = str(known)
    fields.setdefault("params", {})
    for field, default, kind, expected in _FIELDS:
        if type(fields.setdefault(field, default)) is not kind:
            raise WrongTypeError(number, field, expected)
    return Request(number, *(fields[field] for field, *_ in _FIELDS))


def load(text: str) -> dict[str, Any]:
    """Reads an object from whoever it comes.

    Raises:
        MalformedError: It is not JSON as the standard has it, not an object, or nested deeper than any real one.
    """
    try:
        loaded = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"not JSON: {error}") from error
    if not isinstance(loaded, dict):
        raise MalformedError("not an object")
    _check_depth(loaded)
    if "\\u" in text and not _is_unicode(loaded):
        raise MalformedError("half a surrogate pair")
    return loaded


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number")


def _finite(text: str) -> float:
    # What cannot be said in JSON must not get into the state: it would be in the answers to others.
    if not math.isfinite(number := float(text)):
        raise ValueError("a number is too large")
    return number


def _check_depth(frame: dict[str, Any]) -> None:
    level: list[Any] = [frame]
    for _ in range(MAX_DEPTH):
        children = (child for parent in level for child in (parent.values() if type(parent) is dict else parent))
        level = [child for child in children if type(child) in (dict, list)]
        if not level:
            return
    raise MalformedError(f"more than {MAX_DEPTH} levels of objects and lists")


def _is_unicode(frame: dict[str, Any]) -> bool:
    try:
        json.dumps(frame, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


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
