"""Requests to upgrade a model: gather the facts, ask the rules, and in the same transaction do it.

The rules themselves are pure and live in :mod:`jujulab_core.rules`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, Row

from jujulab_controller.auth import Access, Identity
from jujulab_controller.errors import bad_request
from jujulab_controller.rpc.call import mapping
from jujulab_controller.services import Services
from jujulab_controller.state import agents, applications, machines, models, quarantine, upgrades, users
from jujulab_controller.state.store import Tx
from jujulab_controller.streams import available
from jujulab_core import rollout
from jujulab_core.errors import RpcError, UsageError
from jujulab_core.rules import availability, checks, control, serverside
from jujulab_core.rules import quarantine as quarantine_rules
from jujulab_core.rules.eras import Rules
from jujulab_core.rules.facts import DatabaseMember, Facts, ModelAccess, ModelFacts, Refusal
from jujulab_core.rules.quarantine import Entry
from jujulab_core.rules.serverside import UpgradeRequest
from jujulab_core.version import Number

Json = dict[str, Any]
# Of Juju's MongoDB; nothing listens there.
_DATABASE_PORT = 37017
_MODEL_ACCESS: dict[Access, ModelAccess] = {
    Access.READ: "read",
    Access.WRITE: "write",
    Access.ADMIN: "admin",
    Access.SUPERUSER: "admin",
}


def gather(db: Connection, services: Services, model_uuid: str, identity: Identity) -> Facts:
    """All that the rules want to know."""
    model = models.get(db, model_uuid)
    access = users.access(db, identity.name, model_uuid)
    every = models.visible(db, identity.name, everything=True)
    reported = agents.of_model(db, model_uuid)
    return Facts(
        model=_model_facts(db, services, model),
        controller=services.version,
        superuser=access is Access.SUPERUSER,
        model_access=_MODEL_ACCESS.get(access, ""),
        only_admins_upgrade=True,
        upgrade_mode=services.upgrade_mode,
        block=models.blocks_of(db, model_uuid).get("BlockChange"),
        agents={tag: Number.parse(agent.version) if agent.version else None for tag, agent in reported.items()},
        upgrade_record=bool(upgrades.of_controller(db)),
        hosted=tuple(_model_facts(db, services, row) for row in every if row.uuid != services.controller_model),
        database=tuple(_database(db, services)),
    )


def _database(db: Connection, services: Services) -> Iterator[DatabaseMember]:
    """The controllers, as Juju's database has them for members: those that have come up once, whether they run now."""
    for machine in machines.members(db):
        is_up = services.members.is_up(machine.id)
        word = "PRIMARY" if machine.id == services.machine_id else "SECONDARY"
        address = f"{next(iter(machines.addresses_of(machine)), machine.instance_id)}:{_DATABASE_PORT}"
        # The first member of a replica set is number 1.
        yield DatabaseMember(str(int(machine.id) + 1), address, word if is_up else "DOWN", is_up)


async def set_agent_version(
    services: Services,
    identity: Identity,
    model_uuid: str,
    target: Number,
    *,
    force: bool,
    stream: str,
    options: Json | None,
    ignore_missing: bool,
    lift_quarantine: bool,
) -> None:
    """``Client.SetModelAgentVersion``, up to 2.9: the client has chosen.

    Raises:
        RpcError: Refused, in Juju's words.
    """
    lacking = None if ignore_missing else await missing(services, model_uuid, target, stream)

    def decide(tx: Tx) -> None:
        facts = gather(tx.db, services, model_uuid, identity)
        rules = Rules.for_server(services.version)
        refuse(checks.set_version_refusal(facts, target, rules, ignore_agent_versions=force))
        _leave_quarantine(tx, model_uuid, target, lift=lift_quarantine)
        refuse(lacking)
        _go(tx, model_uuid, target, facts, identity, options, stream)
        services.reach("request-decided")

    await services.store.write(decide)
    services.reach("request-committed")
    await services.refresh_upgrade_mode()


async def upgrade_model(
    services: Services,
    identity: Identity,
    model_uuid: str,
    request: UpgradeRequest,
    *,
    stream: str,
    options: Json | None,
    ignore_missing: bool,
    lift_quarantine: bool,
) -> Json:
    """``ModelUpgrader.UpgradeModel``, from 2.9.33 on: the controller chooses.

    Returns:
        The answer with ``chosen-version`` or with an ``error`` inside.

    Raises:
        RpcError: Refused in the way that is no answer.
    """
    facts = await services.store.read(lambda db: gather(db, services, model_uuid, identity))
    major = serverside.searched_major(facts, request)
    found = await available(services.store, services.internet, model_uuid, stream, major)
    rules = Rules.for_server(services.version)
    versions: Iterable[Number] = found.versions
    if request.target is None and not lift_quarantine:
        kept_out = await services.store.read(lambda db: quarantined(db, model_uuid))
        versions = quarantine_rules.without(versions, kept_out)
    chosen = serverside.upgrade_model(facts, request, rules, versions).chosen
    lacking = await missing(services, model_uuid, chosen, stream) if chosen and not ignore_missing else None

    def decide(tx: Tx) -> Json:
        facts = gather(tx.db, services, model_uuid, identity)
        answer = serverside.upgrade_model(facts, request, rules, versions)
        if answer.refusal is not None:
            if not answer.in_result:
                refuse(answer.refusal)
            error = {"message": answer.refusal.message, "code": answer.refusal.code}
            return {"chosen-version": "0.0.0", "error": error}
        if answer.chosen is None:
            raise RpcError("no upgrades available", "already exists")
        if not (request.dry_run and lift_quarantine):
            _leave_quarantine(tx, model_uuid, answer.chosen, lift=lift_quarantine)
        refuse(lacking if answer.chosen == chosen else None)
        if not request.dry_run:
            _go(tx, model_uuid, answer.chosen, facts, identity, options, stream)
            services.reach("request-decided")
        return {"chosen-version": str(answer.chosen)}

    answer = await services.store.write(decide)
    services.reach("request-committed")
    await services.refresh_upgrade_mode()
    return answer


async def abort(services: Services, identity: Identity, model_uuid: str) -> None:
    """``AbortCurrentUpgrade`` and ``AbortModelUpgrade``: clears the record.

    Raises:
        RpcError: Refused, in Juju's words.
    """

    def decide(tx: Tx) -> None:
        refuse(checks.abort_refusal(gather(tx.db, services, model_uuid, identity)))
        upgrades.abort(tx, model_uuid, identity.name)

    await services.store.write(decide)
    await services.refresh_upgrade_mode()


def rollout_options(params: Json) -> Json | None:
    """The options of the rollout that ride along in the parameters; None where there are none.

    Raises:
        RpcError: One of them is not what it should be.
    """
    given = mapping(params, "rollout")
    if not given:
        return None
    options = dict(rollout.DEFAULTS)
    for key in rollout.DEFAULTS:
        if given.get(key) is not None:
            options[key] = _read(key, given[key], f"--{key}")
    return options


def refuse(refusal: Refusal | None) -> None:
    """Raises what the rules said, if they said no."""
    if refusal is not None:
        raise refused(refusal)


def refused(refusal: Refusal) -> RpcError:
    """What the rules said, as an answer."""
    return RpcError(refusal.message, refusal.code, {"next-step": refusal.next_step} if refusal.next_step else None)


def quarantined(db: Connection, model_uuid: str) -> dict[Number, Entry]:
    """A model's quarantine, as the rules want it."""
    rows = quarantine.of_model(db, model_uuid)
    return {Number.parse(version): Entry(row.since, row.done_by, row.reason) for version, row in rows.items()}


def _leave_quarantine(tx: Tx, model_uuid: str, target: Number, *, lift: bool) -> None:
    """Refuses, ours, a version that the model was rolled back from, unless a person lets it out."""
    model = models.get(tx.db, model_uuid)
    if str(target) == model.agent_version:
        return
    if lift:
        quarantine.lift(tx, model_uuid, str(target))
    refuse(quarantine_rules.refusal(model.name, target, quarantined(tx.db, model_uuid)))
    under_way = [row for row in upgrades.active(tx.db, model_uuid) if row.roll_back]
    if under_way:
        refuse(control.refusal_while_going_back(under_way[0].id, model.name, under_way[0].from_version))


async def missing(services: Services, model_uuid: str, target: Number, stream: str) -> Refusal | None:
    """Refuses, ours, an upgrade whose binaries some machine could never get.

    With no code: where the controller chooses, clients take "not found" for an upgrade that is not needed.
    """
    model, hosts = await services.store.read(lambda db: (models.get(db, model_uuid), machines.of_model(db, model_uuid)))
    if str(target) == model.agent_version:
        return None
    found = await available(
        services.store, services.internet, model_uuid, stream, target.major, target.minor, wanted=target
    )
    lacking = availability.uncovered({host.id: (host.series, host.arch) for host in hosts}, target, found.binaries)
    return Refusal(availability.missing_text(lacking)) if lacking else None


def _go(
    tx: Tx, model_uuid: str, target: Number, facts: Facts, identity: Identity, options: Json | None, stream: str
) -> None:
    if target == facts.model.agent_version:
        return
    if stream:
        # Kept, so that the agents' downloads look where the choice was made; by an old Juju they would not (ADR 10).
        models.change_config(tx, model_uuid, {"agent-stream": stream}, [])
    configured = _configured_rollout(json.loads(models.get(tx.db, model_uuid).config))
    # How to proceed may be said anew each time; what makes a machine good belongs to the model.
    chosen = configured if options is None else options | {"checks": options["checks"] or configured["checks"]}
    upgrades.start(tx, model_uuid, str(target), identity.name, chosen)


def _configured_rollout(config: Json) -> Json:
    """The rollout that the model's own configuration asks for: its keys ``rollout-canary``, ``rollout-batch``, ..."""
    options = dict(rollout.DEFAULTS)
    for key in rollout.DEFAULTS:
        name = f"{rollout.CONFIG_PREFIX}{key}"
        if config.get(name) not in (None, ""):
            options[key] = _read(key, config[name], name)
    return options


def _read(key: str, value: Any, name: str) -> Any:
    try:
        return rollout.checked(key, value, name)
    except UsageError as error:
        raise bad_request(str(error)) from error


def _model_facts(db: Connection, services: Services, model: Row[Any]) -> ModelFacts:
    series = Counter(machine.series for machine in machines.of_model(db, model.uuid))
    charms = {app.charm_name for app in applications.of_model(db, model.uuid) if app.charm_url.startswith("cs:")}
    return ModelFacts(
        name=f"{model.owner}/{model.name}",
        agent_version=Number.parse(model.agent_version),
        is_controller=model.uuid == services.controller_model,
        alive=model.life == "alive",
        migration=services.migrations.mode(model.uuid),
        machines_by_series=dict(series),
        charm_store_charms=tuple(sorted(charms)),
    )
