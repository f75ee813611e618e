"""What agents say of themselves and of their workloads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jujulab_controller.facades.bulk import each
from jujulab_controller.rpc.call import Call, text
from jujulab_controller.state.store import Tx

Write = Callable[[Tx, str, str, str], None]


async def note(call: Call, write: Write) -> dict[str, Any]:
    """Notes statuses of the caller.

    Args:
        call: Its ``entities`` have a tag, a status and a message each.
        write: Takes a tag, a status and a message.
    """

    async def one(item: dict[str, Any]) -> dict[str, Any]:
        tag, word, info = call.own(text(item, "tag")), text(item, "status"), text(item, "info")
        await call.services.store.write(lambda tx: write(tx, tag, word, info))
        call.services.presence.spoke(call.model, tag)
        return {}

    return await each(call.items("entities"), one)
