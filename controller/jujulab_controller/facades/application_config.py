"""``Application``: the configuration of an application.

A lab has no charm store, so nothing says which keys a charm has: every key may be set, and is kept as a text.
"""

from __future__ import annotations

import json
from typing import Any

from jujulab_controller import charms, constraints
from jujulab_controller.auth import Access
from jujulab_controller.facades.application import application
from jujulab_controller.facades.bulk import each
from jujulab_controller.rpc.call import Call, mapping, text, texts
from jujulab_controller.state import applications, models
from jujulab_controller.state.store import Tx


@application.method("Get", Access.READ)
async def get(call: Call) -> dict[str, Any]:
    """The settings of an application, with their values."""
    name = call.text("application")
    app = await call.services.store.read(lambda db: applications.get(db, call.model, name))
    settings = {
        key: {"type": "string", "value": value, "source": "user"} for key, value in json.loads(app.config).items()
    }
    return {
        "application": app.name,
        "charm": app.charm_url,
        "config": dict(sorted(settings.items())),
        "application-config": {},
        "constraints": constraints.load(app.constraints),
        "series": app.series,
        "base": charms.base_of(app.series),
        "channel": app.charm_channel,
        "endpoint-bindings": {},
    }


@application.method("Set", Access.WRITE, until="3.0.0")
async def set_(call: Call) -> dict[str, Any]:
    """Changes settings: the call of clients up to 2.9."""
    await _change(call, call.text("application"), call.mapping("options"), [])
    return {}


@application.method("SetConfigs", Access.WRITE, since="2.9.0")
async def set_configs(call: Call) -> dict[str, Any]:
    """Changes settings of several applications."""

    async def one(item: dict[str, Any]) -> dict[str, Any]:
        await _change(call, text(item, "application"), mapping(item, "config"), [])
        return {}

    return await each(call.items("Args"), one)


@application.method("UnsetApplicationsConfig", Access.WRITE)
async def unset(call: Call) -> dict[str, Any]:
    """Puts settings of applications back to what they are without a value."""

    async def one(item: dict[str, Any]) -> dict[str, Any]:
        await _change(call, text(item, "application"), {}, texts(item, "options"))
        return {}

    return await each(call.items("Args"), one)


async def _change(call: Call, name: str, values: dict[str, Any], gone: list[str]) -> None:
    given = {key: text(values, key) for key, value in values.items() if value is not None}

    def write(tx: Tx) -> None:
        models.check_blocks(tx.db, call.model, "change")
        kept = json.loads(applications.get(tx.db, call.model, name).config) | given
        applications.set_config(tx, call.model, name, {key: kept[key] for key in kept if key not in gone})

    await call.services.store.write(write)
