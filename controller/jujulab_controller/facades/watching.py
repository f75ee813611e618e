"""``Pinger`` and the facades of watchers."""

from __future__ import annotations

from typing import Any

from jujulab_controller.access import while_allowed
from jujulab_controller.auth import Access
from jujulab_controller.rpc.call import Call
from jujulab_controller.rpc.registry import Facade, Where, Who, facade

pinger = facade("Pinger", Where.BOTH, Who.ANY)


@pinger.method("Ping")
async def ping(_call: Call) -> dict[str, Any]:
    """Answers, which is all."""
    return {}


async def _next(call: Call) -> dict[str, Any]:
    return await call.session.watcher(call.id).next()


async def _stop(call: Call) -> dict[str, Any]:
    call.session.stop_watcher(call.id)
    return {}


async def _next_while_allowed(call: Call) -> dict[str, Any]:
    """The same, for what tells of a model: who may not read it any more gets nothing of it."""
    watcher = call.session.watcher(call.id)
    return await while_allowed(call.services, call.identity.name, call.model, Access.READ, watcher.next())


def _watcher(name: str, where: Where, who: Who, access: Access) -> Facade:
    made = facade(name, where, who)
    made.method("Next", access)(_next if access is Access.LOGIN else _next_while_allowed)
    made.method("Stop", access)(_stop)
    return made


notify_watcher = _watcher("NotifyWatcher", Where.BOTH, Who.ANY, Access.LOGIN)
strings_watcher = _watcher("StringsWatcher", Where.MODEL, Who.AGENT, Access.LOGIN)
all_watcher = _watcher("AllWatcher", Where.MODEL, Who.USER, Access.READ)
all_model_watcher = _watcher("AllModelWatcher", Where.CONTROLLER, Who.USER, Access.SUPERUSER)
