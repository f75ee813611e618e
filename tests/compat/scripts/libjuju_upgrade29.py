"""python-libjuju 2.9 takes a controller and a model across 2.9.33, where other calls begin to upgrade them.

JUJU_DATA names the store; the arguments are the controller's name, a model of it, the model's version, the
controller's (before 2.9.33), and the one to upgrade to (after it).
"""

import asyncio
import sys

from calls import calling, expect
from juju.client import client
from juju.controller import Controller
from juju.errors import JujuAPIError
from juju.model import Model
from libjuju import IN_PROGRESS, Changes, Closing, agents, all_at, facade, until_upgraded

SECONDS = 300


async def set_version(model, version):
    await facade(client.ClientFacade, model).SetModelAgentVersion(force=False, version=client.Number.from_json(version))


def announced(connected):
    """The highest version of each facade that the login announced."""
    return {entry["name"]: max(entry["versions"]) for entry in connected.connection().info["facades"]}


async def as_a_client_of_old(name, model_name, old, current):
    async with Closing(Model()) as model:
        await model.connect(f"{name}:admin/{model_name}")
        changes = Changes(model)
        with calling("ClientFacade.AgentVersion, FindTools") as told:
            asked = facade(client.ClientFacade, model)
            assert (await asked.AgentVersion()).version.serialize()
            tools = await asked.FindTools(
                agentstream="", arch="", major=2, minor=9, number=client.Number.from_json("0.0.0"), series=""
            )
            assert tools.list_
            told.result = f"ok: {len(tools.list_)} binaries"
        with calling("ClientFacade.SetModelAgentVersion: lower") as told:
            told.result = await expect(set_version(model, "2.9.1"), JujuAPIError, "to lower version")
        with calling("ClientFacade.SetModelAgentVersion: blocked") as told:
            block = facade(client.BlockFacade, model)
            await block.SwitchBlockOn(message="hands off", type_="BlockChange")
            try:
                told.result = await expect(set_version(model, current), JujuAPIError, "hands off")
            finally:
                await block.SwitchBlockOff(type_="BlockChange")
        with calling("ClientFacade.SetModelAgentVersion(model)"):
            await set_version(model, current)
        with calling("Model.block_until(all agents at the new version)") as told:
            await all_at(model, current, SECONDS)
            told.result = f"ok: {len(agents(model))} agents at {current}"
        with calling("Model.add_observer: live changes of versions") as told:
            assert changes.all_went(old, current), changes.seen
            told.result = f"ok: {old}, then {current}, for each of {len(changes.seen)} agents"


async def main(name, model_name, old, current, new):
    async with Closing(Controller()) as controller:
        await controller.connect(name)
        before = announced(controller)
        uuid = (await controller.model_uuids())[model_name]
        with calling("ModelUpgraderFacade before 2.9.33: not announced"):
            assert "ModelUpgrader" not in before
    await as_a_client_of_old(name, model_name, old, current)
    async with Closing(Model()) as model:
        await model.connect(f"{name}:admin/controller")
        of_the_model = announced(model)
        with calling("ClientFacade.SetModelAgentVersion(controller)"):
            await set_version(model, new)
    with calling("Controller.connect while the controller upgrades") as told:
        seen = await until_upgraded(Controller, name, new, SECONDS)
        assert IN_PROGRESS in seen, seen
        told.result = f"ok: then server-version {new}; before: {seen}"
    async with Closing(Controller()) as controller, Closing(Model()) as model:
        await controller.connect(name)
        await model.connect(f"{name}:admin/{model_name}")
        after = announced(controller)
        with calling("facades announced, before and after the controller's upgrade") as told:
            changed = {key: (before.get(key), after[key]) for key in after if before.get(key) != after[key]}
            now = announced(model)
            changed |= {key: (of_the_model.get(key), now[key]) for key in now if of_the_model.get(key) != now[key]}
            assert {"ModelUpgrader", "Controller", "Client", "AllWatcher", "ModelConfig"} <= set(changed), changed
            told.result = f"ok: {changed}"
        changes = Changes(model)
        with calling("ModelUpgraderFacade.UpgradeModel(model)"):
            await facade(client.ModelUpgraderFacade, controller).rpc(
                {
                    "type": "ModelUpgrader",
                    "request": "UpgradeModel",
                    "version": 1,
                    "params": {"model-tag": f"model-{uuid}", "target-version": new},
                }
            )
        with calling("Model.block_until(all agents at the new version), across 2.9.33") as told:
            await all_at(model, new, SECONDS)
            assert changes.all_went(current, new), changes.seen
            told.result = f"ok: {len(agents(model))} agents at {new}"


asyncio.run(main(*sys.argv[1:]))
