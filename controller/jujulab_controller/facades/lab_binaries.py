"""``LabBinaries``, ours: what a model's storage of agent binaries holds, without what the internet offers."""

from __future__ import annotations

from typing import Any

from jujulab_controller.auth import Access
from jujulab_controller.rpc.call import Call
from jujulab_controller.rpc.registry import Where, facade
from jujulab_controller.state import binaries

lab_binaries = facade("LabBinaries", Where.MODEL)


@lab_binaries.method("Stored", Access.READ)
async def stored(call: Call) -> dict[str, Any]:
    """The binaries that the model can have without the internet."""
    rows = await call.services.store.read(lambda db: binaries.of_model(db, call.model))
    return {
        "binaries": [
            {"version": version, "sha256": row.sha256, "size": row.size} for version, row in sorted(rows.items())
        ]
    }
