"""python-libjuju 3.x upgrades a controller and a model through ModelUpgrader, and watches.

JUJU_DATA names the store; the arguments are the controller's name, a model of it, the model's version, the
controller's, and the one to upgrade to.
"""

import asyncio
import sys

from calls import calling, expect
from juju.client import client
from juju.controller import Controller
from juju.errors import JujuAPIError, JujuError
from juju.model import Model
from libjuju import IN_PROGRESS, Changes, Closing, agents, all_at, facade, until_upgraded

SECONDS = 300


async def upgrade(controller, uuid, version, **words):
    upgrader = facade(client.ModelUpgraderFacade, controller)
    number = client.Number.from_json(version)
    return await upgrader.UpgradeModel(
        model_tag=f"model-{uuid}", target_version=number, agent_stream="", ignore_agent_versions=False, **words
    )


async def refusals(controller, uuid, version, newer):
    with calling("ModelUpgraderFacade.UpgradeModel(dry_run)") as told:
        answer = await upgrade(controller, uuid, version, dry_run=True)
        assert str(answer.chosen_version.serialize()) == version or version in str(answer.chosen_version)
        told.result = f"ok: would be {version}"
    with calling("ModelUpgraderFacade.UpgradeModel: above the controller") as told:
        told.result = await expect(
            upgrade(controller, uuid, newer), JujuAPIError, "greater than that of the controller"
        )
    with calling("ModelUpgraderFacade.UpgradeModel: not published") as told:
        told.result = await expect(
            upgrade(controller, uuid, "3.6.2"), JujuError, "no matching agent versions available"
        )
    with calling("ModelUpgraderFacade.UpgradeModel: unknown model") as told:
        missing = "00000000-0000-4000-8000-000000000000"
        told.result = await expect(upgrade(controller, missing, version), JujuAPIError, "not found")


async def blocked(controller, model, uuid, version):
    block = facade(client.BlockFacade, model)
    with calling("ModelUpgraderFacade.UpgradeModel: blocked") as told:
        await block.SwitchBlockOn(message="hands off", type_="BlockChange")
        try:
            told.result = await expect(upgrade(controller, uuid, version), JujuAPIError, "hands off")
        finally:
            await block.SwitchBlockOff(type_="BlockChange")


async def main(name, model_name, old, current, new):
    async with Closing(Controller()) as controller:
        await controller.connect(name)
        uuids = await controller.model_uuids()
        await refusals(controller, uuids[model_name], current, new)
        async with Closing(Model()) as model:
            await model.connect(f"{name}:admin/{model_name}")
            await blocked(controller, model, uuids[model_name], current)
        with calling("ModelUpgraderFacade.UpgradeModel(controller)"):
            answer = await upgrade(controller, uuids["controller"], new)
            assert answer.chosen_version
    with calling("Controller.connect while the controller upgrades") as told:
        seen = await until_upgraded(Controller, name, new, SECONDS)
        assert IN_PROGRESS in seen, seen
        told.result = f"ok: then server-version {new}; before: {seen}"
    async with Closing(Controller()) as controller, Closing(Model()) as model:
        await controller.connect(name)
        await model.connect(f"{name}:admin/{model_name}")
        before = set(agents(model).values())
        assert before == {old}, before
        changes = Changes(model)
        with calling("ModelUpgraderFacade.UpgradeModel(model)"):
            await upgrade(controller, uuids[model_name], new)
        with calling("Model.block_until(all agents at the new version)") as told:
            await all_at(model, new, SECONDS)
            told.result = f"ok: {len(agents(model))} agents at {new}"
        with calling("Model.add_observer: live changes of versions") as told:
            assert changes.all_went(old, new), changes.seen
            told.result = f"ok: {old}, then {new}, for each of {len(changes.seen)} agents"
        with calling("Model.info, get_status, get_config: the new version"):
            assert (await model.get_status()).model.version == new
            assert (await model.get_config())["agent-version"].value == new
            assert model.state.state["model"][uuids[model_name]][-1]["version"] == new
        with calling("Model.wait_for_idle"):
            await model.wait_for_idle(status="active", timeout=SECONDS, idle_period=1)
        with calling("ModelUpgraderFacade.UpgradeModel: nothing newer") as told:
            # A hosted model goes to exactly its controller's version, which it has.
            answer = await upgrade(controller, uuids[model_name], "0.0.0")
            assert answer.chosen_version.serialize() == new, answer.chosen_version
            told.result = f"ok: {new}, nothing to do"


asyncio.run(main(*sys.argv[1:]))
