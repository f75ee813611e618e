"""What ``ModelInfo`` and the model lists say of a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Row

from jujulab_controller import charms, clock
from jujulab_controller.auth import Access, access_name
from jujulab_controller.placement import default_series
from jujulab_controller.state import snapshot, users
from jujulab_controller.status import StatusBuilder, hardware

Json = dict[str, Any]
# What a model has no more from this version of ``ModelManager`` on: it belongs to a qualifier instead of a user.
QUALIFIED = 11
_GONE = ("owner-tag", "sla", "default-series")


def for_version(entry: Json, version: int) -> Json:
    """What is said of a model, as a version of ``ModelManager`` has it (the wire specification, section 13)."""
    if version < QUALIFIED:
        return entry
    kept = {key: value for key, value in entry.items() if key not in _GONE}
    return kept | {"qualifier": entry["owner-tag"].removeprefix("user-")}


def reference(model: Row[Any]) -> Json:
    """A model as lists name it."""
    return {"name": model.name, "uuid": model.uuid, "type": "iaas", "owner-tag": f"user-{model.owner}"}


def info(db: Connection, uuid: str, is_lost: Callable[[str], bool]) -> Json:
    """The answer to ``ModelInfo``.

    Raises:
        RpcError: There is no such model.
    """
    rows = snapshot.load(db, uuid)
    builder = StatusBuilder(rows, is_lost)
    return _common(db, rows) | {
        "cloud-credential-validity": True,
        "users": [
            {
                "model-tag": f"model-{uuid}",
                "user": user.name,
                "display-name": user.display_name,
                "last-connection": user.last_connection,
                "access": user.access,
            }
            for user in users.of_model(db, uuid)
        ],
        "machines": [_machine(builder, machine) for machine in rows.machines],
        "secret-backends": [],
        "supported-features": [
            {
                "name": "juju",
                "description": "the version of Juju used by the model",
                "version": rows.model.agent_version,
            }
        ],
    }


def info_for(db: Connection, user: str, uuid: str, is_lost: Callable[[str], bool]) -> Json:
    """The same for a user: who does not administer the model sees no other user of it.

    Raises:
        RpcError: There is no such model.
    """
    answer = info(db, uuid, is_lost)
    if users.access(db, user, uuid) < Access.ADMIN:
        answer["users"] = [entry for entry in answer["users"] if entry["user"] == user]
    return answer


def summary(db: Connection, model: Row[Any], user: str) -> Json:
    """One entry of ``ListModelSummaries``."""
    rows = snapshot.load(db, model.uuid)
    access = min(users.access(db, user, model.uuid), Access.ADMIN)
    mine = next((row for row in users.of_model(db, model.uuid) if row.name == user), None)
    return _common(db, rows) | {
        "user-access": access_name(access),
        "last-connection": mine.last_connection if mine is not None else None,
        "counts": [
            {"entity": "machines", "count": len(rows.machines)},
            {"entity": "cores", "count": 0},
            {"entity": "units", "count": len(rows.units)},
        ],
    }


def credential_tag(controller: Row[Any], user: str) -> str:
    """The one credential that a user has for the lab's cloud; it is named as the lab, and there is no secret in it."""
    return f"cloudcred-{controller.cloud}_{user}_{controller.region}"


def _common(db: Connection, rows: snapshot.Snapshot) -> Json:
    model, controller = rows.model, rows.controller
    series = default_series(db, model.uuid)
    base = charms.base_of(series)
    return {
        "name": model.name,
        "type": "iaas",
        "uuid": model.uuid,
        "controller-uuid": controller.uuid,
        "is-controller": model.uuid == controller.model_uuid,
        "provider-type": controller.cloud,
        "default-series": series,
        "default-base": f"{base['name']}@{base['channel']}",
        "cloud-tag": f"cloud-{controller.cloud}",
        "cloud-region": controller.region,
        "cloud-credential-tag": credential_tag(controller, model.owner),
        "owner-tag": f"user-{model.owner}",
        "life": model.life,
        "status": {
            "status": model.status,
            "info": model.status_message,
            "data": {},
            "since": model.status_since or clock.now(),
        },
        "sla": {"level": "unsupported", "owner": ""},
        "agent-version": model.agent_version,
    }


def _machine(builder: StatusBuilder, machine: Row[Any]) -> Json:
    entry = builder.machine(machine)
    return {
        "id": machine.id,
        "hardware": hardware(machine),
        "instance-id": machine.instance_id,
        "display-name": machine.instance_id,
        "status": entry["agent-status"]["status"],
        "message": entry["agent-status"]["info"],
        "has-vote": entry["has-vote"],
        "wants-vote": entry["wants-vote"],
    }
