"""``Cloud``: the one cloud that the lab is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from jujulab_controller.errors import not_found
from jujulab_controller.facades.bulk import each
from jujulab_controller.rpc.call import Call, entity
from jujulab_controller.rpc.registry import Where, facade
from jujulab_controller.state import models

cloud = facade("Cloud", Where.CONTROLLER)


@cloud.method("Clouds")
async def clouds(call: Call) -> dict[str, Any]:
    """All clouds."""
    mine = await call.services.store.read(models.the_controller)
    return {"clouds": {f"cloud-{mine.cloud}": _describe(mine)}}


@cloud.method("Cloud")
async def one_cloud(call: Call) -> dict[str, Any]:
    """Some clouds by name."""
    mine = await call.services.store.read(models.the_controller)

    async def one(tag: str) -> dict[str, Any]:
        name = entity(tag, "cloud")
        if name != mine.cloud:
            raise not_found("cloud", name)
        return {"cloud": _describe(mine)}

    return await each(call.tags(), one)


@cloud.method("DefaultCloud")
async def default_cloud(call: Call) -> dict[str, Any]:
    """The cloud of new models."""
    mine = await call.services.store.read(models.the_controller)
    return {"result": f"cloud-{mine.cloud}"}


def _describe(mine: Row[Any]) -> dict[str, Any]:
    return {
        "type": mine.cloud,
        "auth-types": ["empty"],
        "endpoint": "",
        "regions": [{"name": mine.region}],
    }
