"""Records of upgrades, one row per agent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from jujulab_controller import clock
from jujulab_controller.errors import NOT_FOUND, NOT_VALID, TRY_AGAIN, not_found
from jujulab_controller.state import agents, models, newcomers, quarantine, upgrade_events
from jujulab_controller.state.schema import models as models_table
from jujulab_controller.state.schema import upgrade_agents, upgrades
from jujulab_controller.state.store import Tx
from jujulab_controller.state.upgrade_events import Phase
from jujulab_core.errors import RpcError
from jujulab_core.rules.control import Outcome
from jujulab_core.tags import machine_tag
from jujulab_core.version import Number

ACTIVE = ("running", "paused", "aborting")
FINAL = ("complete", "failed", "aborted")
WAITING = ("pending", "staging", "staged")
# In these two the orchestrator exchanges links: only a later login is the new process's.
EXCHANGING = ("swapping", "rolling-back")
IN_FLIGHT = (*EXCHANGING, "restarting", "verifying", "returning")
# A machine that is, or was, on its way back.
GONE_BACK = ("rolling-back", "returning", "rolled-back", "stranded")
ENDED = ("done", "failed", "rolled-back", "stranded", "skipped")
PHASES = WAITING + IN_FLIGHT + ENDED
# What the orchestrator may make of a status. Everything else comes too late: a person was faster, and what is over
# stays over, but for a machine that came back by itself and made a failed upgrade complete.
_BY_ORCHESTRATOR = {
    "running": ("paused", "complete", "failed"),
    "paused": ("complete", "failed"),
    "aborting": ("aborted",),
    "failed": ("complete",),
}
ORCHESTRATOR_STATUSES = ("paused", *FINAL)


def get(db: Connection, upgrade_id: int) -> Row[Any]:
    """One upgrade.

    Raises:
        RpcError: ``upgrade N not found``.
    """
    row = db.execute(select(upgrades).where(upgrades.c.id == upgrade_id)).one_or_none()
    if row is None:
        raise RpcError(
            f"upgrade {upgrade_id} not found", NOT_FOUND, {"next-step": "see those there are: `jujulab upgrades`"}
        )
    return row


def active(db: Connection, model_uuid: str | None = None) -> list[Row[Any]]:
    """The upgrades that are not over, of one model or of all, oldest first."""
    query = select(upgrades).where(upgrades.c.status.in_(ACTIVE)).order_by(upgrades.c.id)
    if model_uuid is not None:
        query = query.where(upgrades.c.model_uuid == model_uuid)
    return list(db.execute(query))


def carried(db: Connection) -> list[Row[Any]]:
    """The upgrades that the orchestrator cares for, oldest first.

    They are those that are not over, and each model's newest one if it failed while the model still wants its
    version: a machine that was away may come back and be taken up again.
    """
    newest = select(func.max(upgrades.c.id)).group_by(upgrades.c.model_uuid)
    late = (
        select(upgrades.c.id)
        .join(models_table, models_table.c.uuid == upgrades.c.model_uuid)
        .where(
            upgrades.c.id.in_(newest),
            upgrades.c.status == "failed",
            upgrades.c.to_version == models_table.c.agent_version,
        )
    )
    query = select(upgrades).where(upgrades.c.status.in_(ACTIVE) | upgrades.c.id.in_(late))
    return list(db.execute(query.order_by(upgrades.c.id)))


def of_model(db: Connection, model_uuid: str | None) -> list[Row[Any]]:
    """All upgrades, of one model or of all, newest first."""
    query = select(upgrades).order_by(upgrades.c.id.desc())
    if model_uuid is not None:
        query = query.where(upgrades.c.model_uuid == model_uuid)
    return list(db.execute(query))


def is_newest(db: Connection, upgrade: Row[Any]) -> bool:
    """Whether no other upgrade of its model came after it."""
    newest = select(func.max(upgrades.c.id)).where(upgrades.c.model_uuid == upgrade.model_uuid)
    return bool(db.execute(newest).scalar_one() == upgrade.id)


def agents_of(db: Connection, upgrade_id: int) -> list[Row[Any]]:
    """The agents' rows of an upgrade."""
    return list(db.execute(select(upgrade_agents).where(upgrade_agents.c.upgrade_id == upgrade_id)))


def phases_of_machines(db: Connection) -> dict[int, dict[str, int]]:
    """How many machines of each upgrade are in each phase."""
    counted: dict[int, dict[str, int]] = {}
    rows = db.execute(
        select(upgrade_agents.c.upgrade_id, upgrade_agents.c.phase, func.count())
        .where(upgrade_agents.c.tag.startswith("machine-"))
        .group_by(upgrade_agents.c.upgrade_id, upgrade_agents.c.phase)
    )
    for upgrade_id, phase, count in rows:
        counted.setdefault(upgrade_id, {})[phase] = count
    return counted


def of_controller(db: Connection) -> list[Row[Any]]:
    """The upgrades of the controller itself that are not over, as Juju counts: its upgrade record ``current``.

    One that failed once the new version ran counts until it was tried again with success, or put aside: the agent's
    gate stays closed (the Juju upgrade specification, sections D.3 and G.3).
    """
    mine = models.the_controller(db).model_uuid
    return [row for row in carried(db) if row.model_uuid == mine and (row.status in ACTIVE or _has_arrived(db, row))]


def _has_arrived(db: Connection, upgrade: Row[Any]) -> bool:
    """Whether some agent runs the new version."""
    return any(agent.version == upgrade.to_version for agent in agents.of_model(db, upgrade.model_uuid).values())


def upgrade_mode(db: Connection, version: Number) -> bool:
    """Whether this controller runs the version of its own model's upgrade and that upgrade is not over."""
    return any(row.to_version == str(version) for row in of_controller(db))


def start(tx: Tx, model_uuid: str, to: str, requested_by: str, options: dict[str, Any]) -> int:
    """Sets a model's version and makes the record of the upgrade; returns its number.

    A record of the same model that is not over yet is ended: the new request takes its place.
    """
    moment = clock.now()
    for row in active(tx.db, model_uuid):
        clear(tx, row, f"replaced by an upgrade to {to}", requested_by)
    model = models.get(tx.db, model_uuid)
    models.set_agent_version(tx, model_uuid, to)
    if model_uuid == models.the_controller(tx.db).model_uuid:
        # Controllers follow the one that leads in this upgrade, not in an earlier one to the same version.
        models.update_controller(tx, database_upgraded_to="", primary_upgraded_to="")
    made = tx.db.execute(
        insert(upgrades).values(
            model_uuid=model_uuid,
            from_version=model.agent_version,
            to_version=to,
            started=moment,
            requested_by=requested_by,
            options=json.dumps(options),
        )
    )
    upgrade = get(tx.db, int(made.lastrowid))
    set_status(tx, upgrade, "running", "", requested_by)
    rows = [
        {
            "upgrade_id": upgrade.id,
            "tag": tag,
            "machine_id": agent.machine_id,
            "phase": "pending",
            "since": moment,
        }
        for tag, agent in agents.of_model(tx.db, model_uuid).items()
    ]
    if rows:
        tx.db.execute(insert(upgrade_agents), rows)
        upgrade_events.phases(tx, upgrade, [Phase(row["tag"], "pending", "") for row in rows], requested_by)
    return int(upgrade.id)


def join(tx: Tx, model_uuid: str, tag: str, machine_id: str) -> None:
    """Takes a unit that has come to a machine into the upgrade that the machine is part of: they go together."""
    for upgrade in carried(tx.db):
        if upgrade.model_uuid != model_uuid:
            continue
        host = next((row for row in agents_of(tx.db, upgrade.id) if row.tag == machine_tag(machine_id)), None)
        if host is not None:
            same = {key: getattr(host, key) for key in ("machine_id", "phase", "reason", "since", "deadline")}
            tx.db.execute(insert(upgrade_agents).values(upgrade_id=upgrade.id, tag=tag, **same))
            upgrade_events.phases(tx, upgrade, [Phase(tag, host.phase, host.reason)], "controller")
            tx.notify("upgrade", str(upgrade.id))


def set_status(tx: Tx, upgrade: Row[Any], status: str, reason: str, by: str) -> None:
    """Ends, pauses or resumes an upgrade, and notes by whom."""
    moment = clock.now()
    tx.db.execute(
        update(upgrades)
        .where(upgrades.c.id == upgrade.id)
        .values(status=status, reason=reason, finished=moment if status in FINAL else None)
    )
    stays_closed = status == "failed" and _has_arrived(tx.db, upgrade)
    if upgrade.model_uuid == models.the_controller(tx.db).model_uuid and not stays_closed:
        _tell_controller_model(tx, upgrade.model_uuid, status, moment)
    upgrade_events.status(tx, upgrade, status, reason, by)
    tx.notify("upgrade", str(upgrade.id))


def carry_out(tx: Tx, upgrade: Row[Any], outcome: Outcome, reason: str, by: str) -> None:
    """Does what the rules made of a person's wish."""
    if outcome.roll_back and not upgrade.roll_back:
        newcomers.take_in(tx, upgrade, agents_of(tx.db, upgrade.id), by)
    retries: dict[str, int] = json.loads(upgrade.retries)
    for machine in outcome.pending:
        retries[machine] = retries.get(machine, 0) + 1
    accepted = {*json.loads(upgrade.accepted), *outcome.accepted} - {*outcome.pending}
    tx.db.execute(
        update(upgrades)
        .where(upgrades.c.id == upgrade.id)
        .values(roll_back=int(outcome.roll_back), accepted=json.dumps(sorted(accepted)), retries=json.dumps(retries))
    )
    again = dict.fromkeys(outcome.pending, "pending") | dict.fromkeys(outcome.failed, "failed")
    changes = [
        Phase(row.tag, again[row.machine_id], row.reason if again[row.machine_id] == "failed" else "")
        for row in agents_of(tx.db, upgrade.id)
        if row.machine_id in again
    ]
    set_phases(tx, upgrade, changes, by)
    if outcome.model_version and models.get(tx.db, upgrade.model_uuid).agent_version != outcome.model_version:
        models.set_agent_version(tx, upgrade.model_uuid, outcome.model_version)
    if outcome.quarantine:
        quarantine.add(tx, upgrade.model_uuid, upgrade.to_version, by, f"upgrade {upgrade.id} was rolled back")
    if outcome.lift:
        quarantine.lift(tx, upgrade.model_uuid, upgrade.to_version)
    set_status(tx, upgrade, outcome.status, reason, by)


def clear(tx: Tx, upgrade: Row[Any], reason: str, by: str) -> None:
    """Ends an upgrade at once and leaves its agents where they are; each still gets a phase to end in."""
    left = {
        row.tag: ("skipped", reason) if row.phase in WAITING else ("stranded", f"it was being exchanged: {reason}")
        for row in agents_of(tx.db, upgrade.id)
        if row.phase not in ENDED
    }
    _quarantine_bad(tx, upgrade, by)
    set_phases(tx, upgrade, [Phase(tag, *ending) for tag, ending in left.items()], by)
    set_status(tx, upgrade, "aborted", reason, by)


def abort(tx: Tx, model_uuid: str, by: str) -> None:
    """Puts aside the record of a model's upgrade, and the controller's, which is what stands in the way of others.

    The versions that were asked for stay (the Juju upgrade specification, section D.3).
    """
    found = {row.id: row for row in [*active(tx.db, model_uuid), *of_controller(tx.db)]}
    for row in found.values():
        clear(tx, row, "aborted by request", by)


def set_phases(
    tx: Tx, upgrade: Row[Any], changes: Iterable[Phase], by: str, deadlines: Mapping[str, str | None] | None = None
) -> None:
    """Writes new phases of agents, and an event for each that is another phase or has another reason.

    Args:
        tx: The transaction.
        upgrade: Of which upgrade.
        changes: The new phases.
        by: Who decided.
        deadlines: When an agent's phase must have ended, by tag; none for who is not named.

    Raises:
        RpcError: The upgrade has no such agent.
    """
    moment = clock.now()
    rows = {row.tag: row for row in agents_of(tx.db, upgrade.id)}
    before = {tag: Phase(tag, row.phase, row.reason) for tag, row in rows.items()}
    reports = agents.of_model(tx.db, upgrade.model_uuid)
    changes = list(changes)
    for change in changes:
        if change.tag not in before:
            raise not_found("agent", change.tag)
        values: dict[str, Any] = {"phase": change.phase, "reason": change.reason, "since": moment}
        values["deadline"] = (deadlines or {}).get(change.tag)
        if change.phase in EXCHANGING and change.phase != before[change.tag].phase and change.tag in reports:
            values["logins_before"] = reports[change.tag].logins
            # At the next try it may run the new version already, and one that lies about itself says another.
            first = not rows[change.tag].version_before and reports[change.tag].version != upgrade.to_version
            if change.phase == "swapping" and first:
                values["version_before"] = reports[change.tag].version
        tx.db.execute(
            update(upgrade_agents)
            .where(upgrade_agents.c.upgrade_id == upgrade.id, upgrade_agents.c.tag == change.tag)
            .values(values)
        )
    upgrade_events.phases(tx, upgrade, [change for change in changes if change != before[change.tag]], by)
    tx.notify("upgrade", str(upgrade.id))


def record(tx: Tx, upgrade_id: int, changes: Iterable[dict[str, Any]], status: str, reason: str, by: str) -> None:
    """Writes what the orchestrator did, in one transaction.

    Args:
        tx: The transaction.
        upgrade_id: Which upgrade.
        changes: New phases of agents: ``tag``, ``phase``, ``reason``, ``deadline``.
        status: The upgrade's new status, or empty to leave it.
        reason: Why.
        by: Which orchestrator.

    Raises:
        RpcError: There is no such upgrade or agent, or no such word; or a person was faster, and no machine may
            start any more (code ``try again``).
    """
    upgrade = get(tx.db, upgrade_id)
    rows = list(changes)
    wanted = [Phase(*(str(row.get(key) or "") for key in Phase._fields)) for row in rows]
    for change in wanted:
        if change.phase not in PHASES:
            raise RpcError(f'unknown phase "{change.phase}" of {change.tag}', NOT_VALID)
    if status and status not in ORCHESTRATOR_STATUSES:
        raise RpcError(f'unknown status "{status}" of an upgrade', NOT_VALID)
    if upgrade.status in ("complete", "aborted") or not is_newest(tx.db, upgrade):
        # Each of its agents has come to its end, and another upgrade may be at work on the same machines. How what was
        # under way went is told too late to be written down.
        if any(change.phase in EXCHANGING for change in wanted):
            raise _may_not_start(upgrade)
        return
    if upgrade.status not in ("running", "failed"):
        _none_starts(tx, upgrade, wanted)
    set_phases(tx, upgrade, wanted, by, {str(row.get("tag")): row.get("deadline") or None for row in rows})
    if status in _BY_ORCHESTRATOR.get(upgrade.status, ()) and (status == "paused" or _is_over(tx, upgrade)):
        # That it was aborted, and by whom, is said already.
        set_status(tx, upgrade, status, reason or (upgrade.reason if status == "aborted" else ""), by)
        if status in FINAL:
            _quarantine_bad(tx, upgrade, by)


def _is_over(tx: Tx, upgrade: Row[Any]) -> bool:
    """Whether every agent has come to its end: a retry or a roll-back may have come after the orchestrator's look."""
    present = agents.of_model(tx.db, upgrade.model_uuid)
    rows = [row for row in agents_of(tx.db, upgrade.id) if row.tag in present]
    to_go_back = upgrade.roll_back and any(row.phase == "done" and row.logins_before for row in rows)
    return not to_go_back and all(row.phase in ENDED for row in rows)


def _none_starts(tx: Tx, upgrade: Row[Any], changes: Iterable[Phase]) -> None:
    waiting = {row.tag for row in agents_of(tx.db, upgrade.id) if row.phase in WAITING}
    if any(change.phase == "swapping" and change.tag in waiting for change in changes):
        raise _may_not_start(upgrade)


def _may_not_start(upgrade: Row[Any]) -> RpcError:
    return RpcError(f"upgrade {upgrade.id} is {upgrade.status}: no machine of it may start", TRY_AGAIN)


def _quarantine_bad(tx: Tx, upgrade: Row[Any], by: str) -> None:
    """Puts a version into quarantine that a machine had to be put back from, or should have been."""
    bad = next((row for row in agents_of(tx.db, upgrade.id) if row.phase in GONE_BACK), None)
    # Where a person put all of it back, that is said already.
    if bad is not None and not upgrade.roll_back:
        what = "could not be put back" if bad.phase == "stranded" else "was rolled back"
        reason = f"{bad.tag} {what} in upgrade {upgrade.id}: {bad.reason}"
        quarantine.add(tx, upgrade.model_uuid, upgrade.to_version, by, reason)


def _tell_controller_model(tx: Tx, model_uuid: str, status: str, moment: str) -> None:
    moment = clock.whole(moment)
    if status in FINAL:
        word = "upgraded on" if status == "complete" else "last upgrade aborted on"
        models.set_status(tx, model_uuid, "available", f'{word} "{moment}"')
    elif status == "running":
        models.set_status(tx, model_uuid, "busy", f'upgrade in progress since "{moment}"')
