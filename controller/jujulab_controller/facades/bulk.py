"""Bulk calls: one answer for each entity, errors included."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from jujulab_controller.errors import entry
from jujulab_core.errors import JujulabError

T = TypeVar("T")


async def each(
    items: Iterable[T], run: Callable[[T], Awaitable[dict[str, Any]]], failed: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    """Runs ``run`` for every item; what it raises in Juju's words becomes that item's entry.

    Args:
        items: What was asked about.
        run: Gives an item's entry.
        failed: What a failed item's entry has beside the error, where Juju's has fields that are never left out.
    """
    results = []
    for item in items:
        try:
            results.append(await run(item))
        except JujulabError as error:
            results.append({**failed, **entry(error)})
    return {"results": results}
