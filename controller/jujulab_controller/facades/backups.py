"""``Backups``, as Juju has it; and ``LabBackups``, ours, by which a lab restores whatever the controller's version."""

from __future__ import annotations

from typing import Any

from jujulab_controller.auth import Access
from jujulab_controller.backups import NOT_HERE, Metadata
from jujulab_controller.errors import NOT_IMPLEMENTED
from jujulab_controller.rpc.call import Call
from jujulab_controller.rpc.registry import Where, facade
from jujulab_core.errors import RpcError
from jujulab_core.simplestreams import SERIES_NUMBERS
from jujulab_core.version import Number

backups = facade("Backups", Where.MODEL)
lab_backups = facade("LabBackups", Where.CONTROLLER)


@backups.method("Create", Access.SUPERUSER)
async def create(call: Call) -> dict[str, Any]:
    """Makes a backup; up to version 2 ``keep-copy`` says whether it stays, later ``no-download`` does."""
    _check_model(call)
    if call.services.version >= Number(4, 0):
        raise RpcError("Dqlite-based backups not implemented", NOT_IMPLEMENTED)
    keep = call.flag("no-download") or (call.version < 3 and call.flag("keep-copy"))
    return await _shown(call, await call.services.backups.create(call.text("notes"), keep=keep))


@backups.method("Info", Access.SUPERUSER, until="3.0.0")
async def info(call: Call) -> dict[str, Any]:
    """What is known about one backup."""
    _check_old(call, "Info")
    return await _shown(call, call.services.backups.find(call.text("id"))[0])


@backups.method("List", Access.SUPERUSER, until="3.0.0")
async def list_(call: Call) -> dict[str, Any]:
    """The backups that are kept."""
    _check_old(call, "List")
    return {"list": [await _shown(call, metadata) for metadata in call.services.backups.kept()]}


@backups.method("Remove", Access.SUPERUSER, until="3.0.0")
async def remove(call: Call) -> dict[str, Any]:
    """Removes backups: ``ids`` from version 2 on, one ``id`` before."""
    _check_old(call, "Remove")
    if call.version < 2:
        call.services.backups.remove(call.text("id"))
        return {}
    results: list[dict[str, Any]] = []
    for name in call.texts("ids"):
        try:
            call.services.backups.remove(name)
            results.append({})
        except RpcError as error:
            results.append({"error": {"message": error.message, "code": error.code}})
    return {"results": results}


@backups.method("Restore", Access.SUPERUSER, until="2.9.0")
async def restore(call: Call) -> dict[str, Any]:
    """Puts the state of a backup in place of the controller's; the connection ends with the old state."""
    _check_old(call, "Restore")
    return await _restore(call, call.text("backup-id"))


@lab_backups.method("Restore", Access.SUPERUSER)
async def lab_restore(call: Call) -> dict[str, Any]:
    """The same for every version; from 2.9 on it stands for the tool ``juju-restore``."""
    return await _restore(call, call.text("id"))


@lab_backups.method("Restored", Access.SUPERUSER)
async def restored(call: Call) -> dict[str, Any]:
    """Which backup the state comes from, and when its restore was prepared."""
    return dict(call.services.backups.last_restored())


async def _restore(call: Call, name: str) -> dict[str, Any]:
    await call.services.backups.restore(name)
    call.services.end_soon()
    return {}


def _check_model(call: Call) -> None:
    if call.model != call.services.controller_model:
        raise RpcError(NOT_HERE)


def _check_old(call: Call, method: str) -> None:
    """What version 3 has no more, and any but the controller model, is refused."""
    if call.version > 2:
        name = f"Backups({call.version}).{method}"
        raise RpcError(f"no such request - method {name} is not implemented", NOT_IMPLEMENTED)
    _check_model(call)


async def _shown(call: Call, metadata: Metadata) -> dict[str, Any]:
    """A backup's metadata in the words of the facade's version (the wire specification, section 13)."""
    wire = metadata.to_wire() | {
        "format-version": 1,
        "controller-uuid": call.services.controller_uuid,
        "controller-machine-id": metadata.machine,
        "controller-machine-inst-id": metadata.hostname,
        "ha-nodes": await call.services.backups.ha_nodes(),
    }
    if call.version < 3:
        return wire | {"series": metadata.series, "ca-cert": metadata.ca_cert, "ca-private-key": ""}
    return wire | {"base": f"ubuntu@{SERIES_NUMBERS.get(metadata.series, metadata.series)}"}
