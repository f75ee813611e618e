"""The data trees of ``models`` and ``show-model`` (the Juju upgrade specification, section E.2)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jujulab.status.times import TimeForm, ago

Wire = Mapping[str, Any]


def owner_of(wire: Wire) -> str:
    """The name of a model's owner; from 4.0 on a controller calls it the qualifier."""
    return str(wire.get("owner-tag") or wire.get("qualifier") or "").removeprefix("user-").removesuffix("@local")


def filled(tree: dict[str, Any]) -> dict[str, Any]:
    """The tree without its empty keys; false and 0 stay."""
    return {key: value for key, value in tree.items() if value or value == 0}


def of_model(wire: Wire, controller: str, times: TimeForm, now: datetime) -> dict[str, Any]:
    """What both commands show of a model, with its keys in the order of the specification.

    Args:
        wire: A model's information, or its summary, which knows nothing of users and machines.
        controller: The controller's name, which only the client knows.
        times: How times are shown.
        now: For "5 minutes ago".
    """
    owner, status = owner_of(wire), wire.get("status") or {}
    since = status.get("since")
    return filled(
        {
            "name": f"{owner}/{wire['name']}" if owner else wire["name"],
            "short-name": wire["name"],
            "model-uuid": wire.get("uuid", ""),
            "model-type": wire.get("type") or "iaas",
            "controller-uuid": wire.get("controller-uuid", ""),
            "controller-name": controller,
            "is-controller": bool(wire.get("is-controller")),
            "owner": owner,
            "cloud": str(wire.get("cloud-tag", "")).removeprefix("cloud-"),
            "region": wire.get("cloud-region"),
            "type": wire.get("provider-type"),
            "life": wire.get("life") or "alive",
            "status": filled(
                {
                    "current": status.get("status"),
                    "message": status.get("info"),
                    "since": (times.since(since) if times.iso else ago(since, now)) if since else None,
                }
            ),
            "users": _users(wire, now),
            "machines": _machines(wire),
            "sla": (wire.get("sla") or {}).get("level"),
            "agent-version": wire.get("agent-version"),
            "credential": _credential(wire),
        }
    )


def _users(wire: Wire, now: datetime) -> dict[str, Any]:
    return {
        user["user"].removesuffix("@local"): filled(
            {
                "display-name": user.get("display-name"),
                "access": user.get("access"),
                "last-connection": ago(user.get("last-connection"), now),
            }
        )
        for user in wire.get("users") or ()
    }


def _machines(wire: Wire) -> dict[str, Any]:
    return {
        machine["id"]: filled(
            {
                "cores": (machine.get("hardware") or {}).get("cores") or 0,
                "instance-id": machine.get("instance-id"),
                "message": machine.get("message"),
            }
        )
        for machine in wire.get("machines") or ()
    }


def _credential(wire: Wire) -> dict[str, Any] | None:
    tag = str(wire.get("cloud-credential-tag") or "").removeprefix("cloudcred-")
    cloud, owner, name = [*tag.split("_", 2), "", ""][:3]
    return {"name": name, "owner": owner, "cloud": cloud} if name else None


def counts(wire: Wire) -> dict[str, int]:
    """How many machines, cores and units a model's summary says it has."""
    return {entry["entity"]: int(entry["count"]) for entry in wire.get("counts") or ()}
