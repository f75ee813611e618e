"""``HighAvailability``: more controllers (the Juju upgrade specification, sections E.2 and K)."""

from __future__ import annotations

from typing import Any

from jujulab_controller.auth import Access
from jujulab_controller.errors import bad_request, entry
from jujulab_controller.placement import add_machine, check_new_machine, default_series
from jujulab_controller.rpc.call import Call, mapping, number, text
from jujulab_controller.rpc.registry import Where, facade
from jujulab_controller.state import machines, models
from jujulab_controller.state.store import Tx
from jujulab_controller.upgrade_requests import refuse
from jujulab_core.errors import JujulabError, RpcError
from jujulab_core.rules import ha
from jujulab_core.tags import machine_tag

high_availability = facade("HighAvailability", Where.BOTH)


@high_availability.method("EnableHA", Access.SUPERUSER)
async def enable_ha(call: Call) -> dict[str, Any]:
    """Adds controllers; the lab makes their containers."""
    specs = call.items("specs")
    if len(specs) != 1:
        raise bad_request("only one controller spec is supported")
    try:
        result = await _enable(call, specs[0])
    except JujulabError as error:
        return {"results": [{"result": {}} | entry(error)]}
    return {"results": [{"result": result}]}


async def _enable(call: Call, spec: dict[str, Any]) -> dict[str, list[str]]:
    if call.model not in (None, call.services.controller_model):
        raise RpcError("unsupported with hosted models")
    count, constraints = number(spec, "num-controllers"), mapping(spec, "constraints")
    for directive in spec.get("placement") or ():
        check_new_machine({"scope": "", "directive": str(directive)})

    def write(tx: Tx) -> dict[str, list[str]]:
        model = call.services.controller_model
        models.check_blocks(tx.db, model, "change")
        present = [machine.id for machine in machines.controllers(tx.db)]
        refuse(ha.refusal(len(present), count))
        series = text(spec, "series") or default_series(tx.db, model)
        added = [
            add_machine(tx, model, series, constraints, is_controller=True)
            for _ in range(ha.wanted(len(present), count) - len(present))
        ]
        return {
            "maintained": [machine_tag(machine) for machine in present],
            "added": [machine_tag(machine) for machine in added],
            "removed": [],
            "converted": [],
        }

    return await call.services.store.write(write)
