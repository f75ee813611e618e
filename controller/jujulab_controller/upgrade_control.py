"""What people do with an upgrade under way, and with versions in quarantine: gather, ask the rules, do it.

The rules themselves are pure: :mod:`jujulab_core.rules.control` and :mod:`jujulab_core.rules.quarantine`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row

from jujulab_controller.auth import Identity
from jujulab_controller.errors import not_found
from jujulab_controller.services import Services
from jujulab_controller.state import models, quarantine, upgrades
from jujulab_controller.state.store import Tx
from jujulab_controller.upgrade_requests import gather, refuse, refused
from jujulab_core.rules import checks, control
from jujulab_core.rules.control import Action, Known, Outcome
from jujulab_core.rules.facts import Refusal
from jujulab_core.tags import machine_tag
from jujulab_core.version import Number

_REASONS: dict[str, str] = {
    "pause": "paused by {user}",
    "abort": "aborted by {user}",
    "roll-back": "put back to {old} by {user}",
}


async def act(
    services: Services, identity: Identity, upgrade_id: int, action: Action, machines: Sequence[str]
) -> tuple[Row[Any], bool]:
    """Does what somebody wants of an upgrade, in one transaction.

    Returns:
        Its row as it is then, and whether anything is different: it may have been so already.

    Raises:
        RpcError: Refused; what to do instead is in the error's info, ``next-step``.
    """

    def decide(tx: Tx) -> tuple[Row[Any], bool]:
        upgrade = upgrades.get(tx.db, upgrade_id)
        refuse(checks.change_refusal(gather(tx.db, services, upgrade.model_uuid, identity)))
        outcome = control.decide(_known(tx.db, services, upgrade), action, machines)
        if isinstance(outcome, Refusal):
            raise refused(outcome)
        if outcome.changed:
            reason = _REASONS.get(action, "").format(user=identity.name, old=upgrade.from_version)
            upgrades.carry_out(tx, upgrade, outcome, reason, identity.name)
        services.reach("control-decided")
        return upgrades.get(tx.db, upgrade_id), outcome.changed

    row, changed = await services.store.write(decide)
    services.reach("control-committed")
    await services.refresh_upgrade_mode()
    return row, changed


async def give_up_controllers(services: Services, identity: Identity, version: Number, reason: str) -> None:
    """Ends an upgrade of several controllers to a version that not all of them came to.

    Up to 2.8 the version that was asked for is put back, and so are those that run the new one; from 2.9 on they stay
    as they are, and the upgrade fails by what their agents say (the Juju upgrade specification, section K).
    """
    if version >= Number(2, 9):
        return

    def end(tx: Tx) -> None:
        for row in upgrades.carried(tx.db):
            if row.model_uuid == services.controller_model and row.to_version == str(version) and not row.roll_back:
                outcome = Outcome("aborting", roll_back=True, model_version=row.from_version)
                upgrades.carry_out(tx, row, outcome, reason, identity.tag)

    await services.store.write(end)
    await services.refresh_upgrade_mode()


async def lift_quarantine(services: Services, identity: Identity, model_uuid: str, version: str) -> None:
    """Lets a model have a version again that it was rolled back from.

    Raises:
        RpcError: The user may not, or the version is not in quarantine.
    """

    def lift(tx: Tx) -> None:
        refuse(checks.change_refusal(gather(tx.db, services, model_uuid, identity)))
        if not quarantine.lift(tx, model_uuid, version):
            raise not_found("quarantined version", version)

    await services.store.write(lift)


def _known(db: Connection, services: Services, upgrade: Row[Any]) -> Known:
    model = models.get(db, upgrade.model_uuid)
    rows = upgrades.agents_of(db, upgrade.id)
    return Known(
        id=upgrade.id,
        model=model.name,
        old=upgrade.from_version,
        new=upgrade.to_version,
        status=upgrade.status,
        reason=upgrade.reason,
        machines={row.machine_id: row.phase for row in rows if row.tag == machine_tag(row.machine_id)},
        roll_back=bool(upgrade.roll_back),
        newest=upgrades.is_newest(db, upgrade),
        model_version=model.agent_version,
        is_controller=upgrade.model_uuid == services.controller_model,
        controller_version=str(services.version),
        controller_upgrading=bool(upgrades.of_controller(db)),
    )
