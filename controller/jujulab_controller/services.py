"""The controller's parts, wired together; what handlers reach everything through."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from jujulab_controller import clock
from jujulab_controller.backups_store import Backups
from jujulab_controller.binaries import BinaryCache
from jujulab_controller.guessing import FailedLogins
from jujulab_controller.hub import Hub
from jujulab_controller.internet import Internet
from jujulab_controller.lead import Members
from jujulab_controller.logsink import LogSink
from jujulab_controller.migrating import Migrations
from jujulab_controller.presence import Presence
from jujulab_controller.state import lease, models, upgrades
from jujulab_controller.state.store import Store
from jujulab_core.boundary import reach
from jujulab_core.layout import API_PORT, STATE
from jujulab_core.version import Binary, Number

if TYPE_CHECKING:
    from jujulab_controller.rpc.session import Session

# The answer to the call that ends this process is on its way before that.
_ANSWER_SECONDS = 0.3
# Machines find the controller by this name; people come from outside by the published endpoints.
LAB_ENDPOINT = f"controller:{API_PORT}"


class Services:
    """All parts of a running controller.

    Attributes:
        version: The version of the code that runs; Juju calls it the agent version of the API server.
        machine_id: The number of the machine that it runs on; with several controllers, the one that leads.
        members: Which controllers run.
        migrations: Which models migrate.
        store: The state.
        hub: Who waits for which change.
        presence: Which agents are connected.
        failed_logins: What limits the guessing of passwords.
        logs: Where agents' log lines go.
        internet: What the simplestreams offer.
        binaries: The cache of agent binaries.
        backups: The backups that are kept here, and the way to make and restore them.
        ending: Set when this process shall end.
        controller_model: The UUID of the controller model.
        controller_uuid: The UUID of the controller.
        upgrade_mode: Whether the controller has not finished its own upgrade.
        started: When this process started.
    """

    def __init__(self, version: Number, data_dir: Path, log_dir: Path, store: Store, hub: Hub, machine_id: str) -> None:
        self.version = version
        self.machine_id = machine_id
        self.members = Members(data_dir / STATE)
        self.migrations = Migrations(data_dir / STATE)
        self.store = store
        self._data_dir = str(data_dir)
        self.hub = hub
        self.presence = Presence(hub.publish)
        self.failed_logins = FailedLogins()
        self.logs = LogSink(log_dir / "logsink.log")
        self.internet = Internet(store)
        self.binaries = BinaryCache(data_dir / STATE / "binaries", store, self.internet, self.reach)
        self.backups = Backups(data_dir, store, version, machine_id)
        self.ending = asyncio.Event()
        self.controller_model = ""
        self.controller_uuid = ""
        self.upgrade_mode = False
        self.started = clock.now()

    async def load(self) -> None:
        """Reads what is kept in memory: who this controller is, and whether it is in upgrade mode."""
        mine = await self.store.read(models.the_controller)
        self.controller_model = mine.model_uuid
        self.controller_uuid = mine.uuid
        await self.refresh_upgrade_mode()

    async def refresh_upgrade_mode(self) -> None:
        """Looks again whether the controller's own upgrade is under way: see :func:`upgrades.upgrade_mode`."""
        self.upgrade_mode = await self.store.read(lambda db: upgrades.upgrade_mode(db, self.version))

    def reach(self, step: str) -> None:
        """Says that this process is at a boundary: see :mod:`jujulab_core.boundary`."""
        reach(self._data_dir, f"controller/{step}")

    def is_lost(self, model_uuid: str) -> Callable[[str], bool]:
        """Tells by its tag whether an agent of this model has been absent for too long."""
        return lambda tag: self.presence.is_lost(model_uuid, tag)

    def tools_url(self, model_uuid: str, version: Binary, endpoint: str = LAB_ENDPOINT) -> str:
        """Where a binary is to be had: for machines, or where another endpoint is named, for who reaches that."""
        return f"https://{endpoint}/model/{model_uuid}/tools/{version}"

    async def user_endpoint(self) -> str:
        """Where people's clients reach this controller; the lab's own name for it means nothing to them."""
        endpoints = json.loads((await self.store.read(models.the_controller)).api_endpoints)
        return str(endpoints[0]) if endpoints else LAB_ENDPOINT

    def logged_out(self, session: Session) -> None:
        """Notes that a connection has ended."""
        if session.is_logged_in and session.identity.is_agent and session.model_uuid:
            self.presence.disconnected(session.model_uuid, session.identity.tag)
        if session.lease_holder:
            self.store.post(lambda tx: lease.release(tx, session.lease_holder))

    def retire(self, machine_id: str) -> None:
        """Has another controller lead once the machine of this one was removed, and its caller was answered."""
        self.members.retire(machine_id)
        if machine_id == self.machine_id:
            self.end_soon()

    def end_soon(self) -> None:
        """Ends this process when the answer to the call that asked for it is on its way."""
        asyncio.get_running_loop().call_later(_ANSWER_SECONDS, self.ending.set)

    async def close(self) -> None:
        """Ends the parts in order; what was acknowledged is on disk already."""
        self.presence.close()
        await self.binaries.close()
        self.store.close()
        self.logs.close()
