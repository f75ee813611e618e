"""Juju's error texts and codes that more than one place answers with (the wire specification, section 7)."""

from __future__ import annotations

from typing import Any

from jujulab_core.errors import JujulabError, RpcError

NOT_FOUND = "not found"
MODEL_NOT_FOUND = "model not found"
UNAUTHORIZED = "unauthorized access"
NOT_IMPLEMENTED = "not implemented"
NOT_SUPPORTED = "not supported"
NOT_VALID = "not valid"
BAD_REQUEST = "bad request"
ALREADY_EXISTS = "already exists"
BLOCKED = "operation is blocked"
STOPPED = "stopped"
NOT_PROVISIONED = "not provisioned"
TRY_AGAIN = "try again"


def permission_denied() -> RpcError:
    """The caller may not do this, or may not know of this."""
    return RpcError("permission denied", UNAUTHORIZED)


def not_found(kind: str, name: str) -> RpcError:
    """There is no such entity: ``machine 7 not found``."""
    return RpcError(f"{kind} {name} not found" if kind == "machine" else f'{kind} "{name}" not found', NOT_FOUND)


def unknown_model(uuid: str) -> RpcError:
    """The model of a connection or a path does not exist, or not any more."""
    return RpcError(f'unknown model: "{uuid}"', MODEL_NOT_FOUND)


def bad_request(message: str) -> RpcError:
    """The parameters do not say what is wanted."""
    return RpcError(message, BAD_REQUEST)


def entry(error: JujulabError) -> dict[str, Any]:
    """An error as one entry of a bulk answer holds it."""
    code = error.code if isinstance(error, RpcError) else ""
    message = error.message if isinstance(error, RpcError) else str(error)
    info = {"info": error.info} if isinstance(error, RpcError) and error.info else {}
    return {"error": {"message": message, "code": code, **info}}
