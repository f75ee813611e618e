"""The controller's first start: the lab's parameters become state.

The parameters hold secrets and are deleted, but only when all that they say is on disk: a first start that is
killed begins again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select

from jujulab_controller import clock
from jujulab_controller.auth import hash_agent_password, hash_user_password
from jujulab_controller.binaries import BinaryCache
from jujulab_controller.state import machines, models, users
from jujulab_controller.state.schema import controller
from jujulab_controller.state.store import Store, Tx
from jujulab_core.errors import JujulabError
from jujulab_core.version import Binary, Number, binary_series

logger = logging.getLogger("juju.controller.bootstrap")

PARAMS = "bootstrap-params"
TOOLS = "bootstrap-tools.tar.gz"
_PIECE = 1024 * 1024


async def make_state(store: Store, data_dir: Path, version: Number) -> None:
    """Makes the controller's state from the parameters, once.

    Raises:
        JujulabError: There is neither state nor a usable file of parameters.
    """
    if await store.read(_exists):
        return
    params = _read(data_dir / PARAMS)
    try:
        await store.write(lambda tx: _make(tx, params, version))
    except KeyError as error:
        raise JujulabError(f"{data_dir / PARAMS}: {error.args[0]} is missing") from None
    logger.info("made the state of controller %s", params["controller-name"])


async def take_tools(cache: BinaryCache, controller_model: str, data_dir: Path) -> None:
    """Takes the tarball that this controller was installed from into the cache, then deletes what is used up."""
    params_path, tools = data_dir / PARAMS, data_dir / TOOLS
    if not params_path.exists():
        return
    params = _read(params_path)
    if tools.exists():
        number = Number.parse(params["agent-version"])
        version = Binary(number, binary_series(number, params["series"]), params["arch"])
        await cache.add(controller_model, version, _pieces(tools), "bootstrap", looked_at=False)
        tools.unlink()
    params_path.unlink()


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


def _exists(db: Connection) -> bool:
    return db.execute(select(controller.c.id)).first() is not None


def _read(path: Path) -> dict[str, Any]:
    try:
        params = json.loads(path.read_text())
    except FileNotFoundError:
        raise JujulabError(
            f"this controller has no state, and {path} is not there",
            next_step="make the lab again: jujulab down, jujulab up",
        ) from None
    except ValueError as error:
        raise JujulabError(f"{path} is not JSON: {error}") from None
    if not isinstance(params, dict):
        raise JujulabError(f"{path} is not a JSON object")
    return params


def _make(tx: Tx, params: dict[str, Any], version: Number) -> None:
    moment = clock.now()
    model = params["controller-model-uuid"]
    tx.db.execute(
        insert(controller).values(
            id=1,
            uuid=params["controller-uuid"],
            name=params["controller-name"],
            model_uuid=model,
            cloud=params["cloud"],
            region=params["region"],
            version=str(version),
            ca_cert=params["ca-cert"],
            cert=params["controller-cert"],
            key=params["controller-key"],
            api_endpoints=json.dumps(params["api-endpoints"]),
            streams_url=params["streams-url"],
            streams_key=params["streams-key"],
            authorized_keys=params["authorized-keys"],
            orchestrator_hash=hash_agent_password(params["orchestrator-password"]),
            created=moment,
        )
    )
    users.add(tx, "admin", hash_user_password(params["admin-password"]), "superuser", "admin")
    config = {
        "agent-stream": params["agent-stream"],
        "authorized-keys": params["authorized-keys"],
        "default-series": params["series"],
    }
    models.create(tx, model, "controller", "admin", params["agent-version"], config)
    machine_id = machines.add(tx, model, params["series"], params["arch"], is_controller=True)
    machines.provision(
        tx,
        model,
        machine_id,
        params["instance-id"],
        params["host-key"],
        params["machine-nonce"],
        hash_agent_password(params["machine-password"]),
    )
