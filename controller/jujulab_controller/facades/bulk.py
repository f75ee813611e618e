"""Bulk calls: one answer for each entity, errors included."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from jujulab_controller.errors import entry
from jujulab_core.errors import JujulabError

T = TypeVar("T")


async def each(items: Iterable[T], run: Callable[[T], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    """Runs ``run`` for every item; what it raises in Juju's words becomes that item's entry."""
    results = []
    for item in items:
        try:
            results.append(await run(item))
        except JujulabError as error:
            results.append(entry(error))
    return {"results": results}
