"""python-libjuju 2.9 takes a controller and a model across 2.9.33, where other calls begin to upgrade them.

JUJU_DATA names the store; the arguments are the controller's name, a model of it, the model's version, the
controller's (before 2.9.33), and the one to upgrade to (after it).
"""

import asyncio
import sys

from calls import calling
from juju.client import client
from juju.controller import Controller
from juju.model import Model
from libjuju import IN_PROGRESS, Changes, Closing, agents, all_at, announced, facade, until_upgraded
from libjuju_of_old import as_a_client_of_old, set_version

SECONDS = 300


async def main(name, model_name, old, current, new):
    async with Closing(Controller()) as controller:
        await controller.connect(name)
        before = announced(controller)
        uuid = (await controller.model_uuids())[model_name]
        with calling("ModelUpgraderFacade before 2.9.33: not announced"):
            assert "ModelUpgrader" not in before
    await as_a_client_of_old(name, model_name, old, current, "2.9.1", "to lower version")
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
