"""``LabProvisioner``, ours: the lab asks which machines need a container, and what goes into it."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection

from jujulab_controller.auth import Access, hash_agent_password, make_password
from jujulab_controller.errors import ALREADY_EXISTS, NOT_FOUND, bad_request
from jujulab_controller.internet import NoMetadataError
from jujulab_controller.rpc.call import Call
from jujulab_controller.rpc.registry import Where, facade
from jujulab_controller.services import LAB_ENDPOINT
from jujulab_controller.state import agents, binaries, machines, models
from jujulab_controller.state.store import Tx
from jujulab_controller.streams import download_config
from jujulab_controller.upgrade_view import describe
from jujulab_controller.watchers import NotifyWatcher
from jujulab_core.errors import RpcError
from jujulab_core.layout import API_PORT, DATA_DIR, LOG_DIR
from jujulab_core.tags import machine_tag
from jujulab_core.version import Binary, Number, binary_series

lab_provisioner = facade("LabProvisioner", Where.CONTROLLER)


@lab_provisioner.method("Pending", Access.SUPERUSER)
async def pending(call: Call) -> dict[str, Any]:
    """The machines whose agent never logged in, and the instances that all machines have or will have."""

    def read(db: Connection) -> dict[str, Any]:
        controller = models.the_controller(db).model_uuid
        waiting, instances = [], []
        for machine in machines.every(db):
            instances.append(machine.instance_id or machines.instance_id(machine.model_uuid, machine.id))
            agent = agents.get(db, machine.model_uuid, machine_tag(machine.id))
            # The controller's first machine is the lab's doing before there is a controller.
            if agent.logins == 0 and (machine.model_uuid, machine.id) != (controller, "0"):
                waiting.append(
                    {
                        "model-uuid": machine.model_uuid,
                        "model-name": machine.model_name,
                        "id": machine.id,
                        "series": machine.series,
                        "arch": machine.arch,
                        "is-controller": bool(machine.manager),
                    }
                )
        return {"machines": waiting, "instances": instances}

    return await call.services.store.read(read)


@lab_provisioner.method("Provision", Access.SUPERUSER)
async def provision(call: Call) -> dict[str, Any]:
    """Gives a machine its password and nonce; answers with all that its container is seeded with."""
    model_uuid, machine_id = call.text("model-uuid"), call.text("id")
    instance, host_key = call.text("instance-id"), call.text("host-key")
    if not instance or not host_key:
        raise bad_request("a machine needs an instance-id and a host-key")
    model, machine = await call.services.store.read(
        lambda db: (models.get(db, model_uuid), machines.get(db, model_uuid, machine_id))
    )
    number = Number.parse(model.agent_version)
    binary = Binary(number, binary_series(number, machine.series), machine.arch)
    found = await describe(call.services, model_uuid, binary)
    if not found["sha256"]:
        raise RpcError(
            f"no matching agent binaries available for {binary}: publish {number} for series {machine.series}",
            NOT_FOUND,
        )
    password, nonce = make_password(), f"machine-{machine_id}:{make_password()}"

    def write(tx: Tx) -> None:
        if agents.get(tx.db, model_uuid, machine_tag(machine_id)).logins:
            raise RpcError(f"machine {machine_id} is already provisioned", ALREADY_EXISTS)
        machines.provision(tx, model_uuid, machine_id, instance, host_key, nonce, hash_agent_password(password))

    await call.services.store.write(write)
    mine = await call.services.store.read(models.the_controller)
    return {
        "agent-conf": {
            "tag": machine_tag(machine_id),
            "datadir": DATA_DIR,
            "logdir": LOG_DIR,
            "metricsspooldir": f"{DATA_DIR}/metricspool",
            "nonce": nonce,
            "jobs": ["JobManageModel", "JobHostUnits"] if machine.manager else ["JobHostUnits"],
            "upgradedToVersion": str(number),
            "cacert": mine.ca_cert,
            "controller": f"controller-{mine.uuid}",
            "model": f"model-{model_uuid}",
            "apiaddresses": [LAB_ENDPOINT],
            "apipassword": password,
            "oldpassword": password,
            "loggingconfig": "<root>=INFO",
            "values": {},
        }
        | ({"apiport": str(API_PORT)} if machine.manager else {}),
        "binary": found["binary"],
        "sha256": found["sha256"],
        "size": found["size"],
        "urls": [found["url"]],
    }


@lab_provisioner.method("SetEndpoints", Access.SUPERUSER)
async def set_endpoints(call: Call) -> dict[str, Any]:
    """Notes where people's clients reach the controllers: the lab alone knows which ports of its host are theirs."""
    endpoints = call.texts("endpoints")
    if not endpoints:
        raise bad_request("a controller has at least one endpoint")
    await call.services.store.write(lambda tx: models.update_controller(tx, api_endpoints=json.dumps(endpoints)))
    return {}


@lab_provisioner.method("Watch", Access.SUPERUSER)
async def watch(call: Call) -> dict[str, Any]:
    """A watcher of machines that are added, come up, or are removed."""
    return {"watcher-id": call.session.add_watcher(NotifyWatcher(call.services, ("provision",)))}


@lab_provisioner.method("Binaries", Access.SUPERUSER)
async def list_binaries(call: Call) -> dict[str, Any]:
    """What the cache holds and what the internet offers."""
    rows = await call.services.store.read(binaries.every)
    error, offers = "", []
    try:
        config = await call.services.store.read(lambda db: download_config(db, call.services.controller_model))
        found = await call.services.internet.offers(config, max_age=0.0)
        offers, error = found.offers, "; ".join(str(failure) for failure in found.failures.values())
    except NoMetadataError as lost:
        error = str(lost)
    return {
        "binaries": [
            {
                "version": row.version,
                "sha256": row.sha256,
                "size": row.size,
                "source": row.source,
                "stored": row.stored,
            }
            for row in rows
        ],
        "internet": [
            {
                "version": str(offer.item.binary),
                "stream": offer.stream,
                "sha256": offer.item.sha256,
                "size": offer.item.size,
            }
            for offer in offers
        ],
        "internet-error": error,
    }
