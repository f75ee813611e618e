"""The part of ``Controller`` that changes the controller's settings."""

from __future__ import annotations

import json
from typing import Any

from jujulab_controller.auth import Access
from jujulab_controller.facades.controller import controller
from jujulab_controller.rpc.call import Call
from jujulab_controller.state import models
from jujulab_controller.state.store import Tx
from jujulab_core import controllersettings


@controller.method("ConfigSet", Access.SUPERUSER)
async def config_set(call: Call) -> dict[str, Any]:
    """Changes settings."""
    changes = controllersettings.check(call.mapping("config"))

    def write(tx: Tx) -> None:
        own = json.loads(models.the_controller(tx.db).config)
        models.update_controller(tx, config=json.dumps(own | changes))

    await call.services.store.write(write)
    return {}
