"""Agents that have come to a model since its upgrade began, and go back with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, insert

from jujulab_controller import clock
from jujulab_controller.state import agents, machines, upgrade_events
from jujulab_controller.state.schema import upgrade_agents
from jujulab_controller.state.store import Tx
from jujulab_controller.state.upgrade_events import Phase


def take_in(tx: Tx, upgrade: Row[Any], rows: Sequence[Row[Any]], by: str) -> None:
    """Takes in the agents that have come since the upgrade began, with its version: they go back with the others.

    They count as done, and as exchanged. Where they go back to is what most of the others had, which need not be what
    the model was meant to have.

    Args:
        tx: The transaction.
        upgrade: The upgrade.
        rows: Its agents so far.
        by: Who puts it back.
    """
    known, hosts = {row.tag for row in rows}, {row.machine_id: row for row in rows if row.tag.startswith("machine-")}
    # Who has no instance yet will be made with the old version.
    made = {machine.id for machine in machines.of_model(tx.db, upgrade.model_uuid) if machine.instance_id}
    had = Counter(row.version_before for row in rows if row.version_before) or Counter([upgrade.from_version])
    (before, _), *_ = had.most_common(1)
    reason, moment = f"it came after the upgrade to {upgrade.to_version} had begun", clock.now()
    for tag, agent in agents.of_model(tx.db, upgrade.model_uuid).items():
        if tag in known or agent.machine_id not in made or agent.version not in ("", upgrade.to_version):
            continue
        host = hosts.get(agent.machine_id)
        row: dict[str, Any] = {"phase": "done", "reason": reason, "since": moment, "deadline": None}
        if host is not None:
            # It goes through the phases together with its machine.
            row = {key: getattr(host, key) for key in row}
        row |= {"upgrade_id": upgrade.id, "tag": tag, "machine_id": agent.machine_id}
        row["logins_before"] = max(agent.logins, 1) if host is None or host.logins_before else 0
        row["version_before"] = before
        tx.db.execute(insert(upgrade_agents).values(row))
        upgrade_events.phases(tx, upgrade, [Phase(tag, row["phase"], row["reason"])], by)
