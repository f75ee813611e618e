"""``LabOrchestrator``, ours: the lease, the upgrades to carry out, and the record of what was done."""

from __future__ import annotations

from typing import Any

from jujulab_controller.errors import bad_request
from jujulab_controller.rpc.call import Call, number
from jujulab_controller.rpc.registry import Where, Who, facade
from jujulab_controller.state import lease, upgrades
from jujulab_controller.state.store import Tx
from jujulab_controller.upgrade_view import whole
from jujulab_controller.watchers import UpgradesWatcher

lab_orchestrator = facade("LabOrchestrator", Where.CONTROLLER, Who.ORCHESTRATOR)

MAX_TTL = 300


@lab_orchestrator.method("Claim")
async def claim(call: Call) -> dict[str, Any]:
    """Takes or renews the lease."""
    holder, ttl = call.text("holder"), call.params.get("ttl")
    if not holder or isinstance(ttl, bool) or not isinstance(ttl, int | float) or not 0 < ttl <= MAX_TTL:
        raise bad_request(f"a claim needs a holder and a ttl of at most {MAX_TTL} seconds")
    answer = await call.services.store.write(lambda tx: lease.claim(tx, holder, ttl))
    if answer["granted"]:
        call.session.lease_holder = holder
    return answer


@lab_orchestrator.method("WatchUpgrades")
async def watch_upgrades(call: Call) -> dict[str, Any]:
    """A watcher of active upgrades and their agents."""
    return {"watcher-id": call.session.add_watcher(UpgradesWatcher(call.services))}


@lab_orchestrator.method("ActiveUpgrades")
async def active_upgrades(call: Call) -> dict[str, Any]:
    """The upgrades that are not over, and those that machines may still come back to, with all about their agents."""
    rows = await call.services.store.read(upgrades.carried)
    return {"upgrades": await whole(call.services, rows)}


@lab_orchestrator.method("Record")
async def record(call: Call) -> dict[str, Any]:
    """Writes what was done, if the caller still holds the lease."""
    token, upgrade_id = number(call.params, "token"), number(call.params, "upgrade")
    changes, status, reason = call.items("changes"), call.text("status"), call.text("reason")

    def write(tx: Tx) -> None:
        holder = lease.check_token(tx.db, token)
        upgrades.record(tx, upgrade_id, changes, status, reason, holder)

    await call.services.store.write(write)
    call.services.reach("record-committed")
    if status:
        await call.services.refresh_upgrade_mode()
    return {}
