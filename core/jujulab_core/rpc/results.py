"""Answers to bulk calls: one result an entity, each with its own error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jujulab_core.errors import JujulabError, RpcError


def check(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """One result as it is, if it holds no error.

    Raises:
        RpcError: It holds one.
    """
    error = result.get("error")
    if error:
        raise RpcError(error.get("message", ""), error.get("code", ""), error.get("info"))
    return result


def check_all(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The results of a bulk call that must all have succeeded.

    Raises:
        RpcError: The only one failed.
        JujulabError: Some of several failed; the message has a line for each.
    """
    results = list(answer.get("results") or ())
    failed = [result["error"] for result in results if result.get("error")]
    if len(results) == 1:
        check(results[0])
    if failed:
        raise JujulabError("\n".join(error.get("message", "") for error in failed))
    return results


def only_result(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The one result of a bulk call for one entity.

    Raises:
        RpcError: It holds an error.
    """
    return check((answer.get("results") or [{}])[0] or {})
