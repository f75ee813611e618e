"""``Block`` and ``Annotations``."""

from __future__ import annotations

from typing import Any

from jujulab_controller.auth import Access
from jujulab_controller.errors import bad_request
from jujulab_controller.facades.bulk import each
from jujulab_controller.rpc.call import Call, text
from jujulab_controller.rpc.registry import Where, facade
from jujulab_controller.state import models
from jujulab_controller.state.store import Tx

block = facade("Block", Where.MODEL)
entity_annotations = facade("Annotations", Where.MODEL)

TYPES = ("BlockDestroy", "BlockRemove", "BlockChange")


@block.method("List", Access.READ)
async def list_(call: Call) -> dict[str, Any]:
    """The blocks in force."""
    blocks = await call.services.store.read(lambda db: models.blocks_of(db, call.model))
    return {
        "results": [
            {"result": {"id": str(at), "tag": f"model-{call.model}", "type": type_, "message": message}}
            for at, (type_, message) in enumerate(blocks.items())
        ]
    }


@block.method("SwitchBlockOn", Access.WRITE)
async def switch_block_on(call: Call) -> dict[str, Any]:
    """Switches a block on."""
    type_, message = _type(call), call.text("message")
    await call.services.store.write(lambda tx: models.block(tx, call.model, type_, message))
    return {}


@block.method("SwitchBlockOff", Access.WRITE)
async def switch_block_off(call: Call) -> dict[str, Any]:
    """Switches a block off."""
    type_ = _type(call)
    await call.services.store.write(lambda tx: models.unblock(tx, call.model, type_))
    return {}


@entity_annotations.method("Get", Access.READ)
async def get(call: Call) -> dict[str, Any]:
    """The annotations of some entities."""
    found = await call.services.store.read(lambda db: models.annotations_of(db, call.model))
    return {"results": [{"entity": tag, "annotations": found.get(tag, {}), "error": {}} for tag in call.tags()]}


@entity_annotations.method("Set", Access.WRITE)
async def set_(call: Call) -> dict[str, Any]:
    """Sets annotations; an empty value removes its key."""

    async def one(item: dict[str, Any]) -> dict[str, Any]:
        tag, pairs = text(item, "entity"), item.get("annotations") or {}
        if not isinstance(pairs, dict):
            raise bad_request("annotations are not an object")

        def write(tx: Tx) -> None:
            models.check_blocks(tx.db, call.model, "change")
            models.annotate(tx, call.model, tag, {str(key): str(value) for key, value in pairs.items()})

        await call.services.store.write(write)
        return {}

    return await each(call.items("annotations"), one)


def _type(call: Call) -> str:
    type_ = call.text("type")
    if type_ not in TYPES:
        raise bad_request(f'unknown block type "{type_}": it is one of {", ".join(TYPES)}')
    return type_
