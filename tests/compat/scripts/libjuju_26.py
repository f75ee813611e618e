"""python-libjuju 2.9.11, which asks no controller for its version, at one of 2.6.

JUJU_DATA names the store; the arguments are the controller's name, a model of it, the model's version, and
the controller's.
"""

import asyncio
import sys

from calls import calling
from juju.controller import Controller
from juju.model import Model
from libjuju import Closing, agents, announced
from libjuju_of_old import as_a_client_of_old


async def main(name, model_name, old, current):
    async with Closing(Controller()) as controller:
        with calling("Controller.connect(name)") as told:
            await controller.connect(name)
            told.result = "ok: server-version " + controller.connection().info["server-version"]
        with calling("Controller.list_models, model_uuids"):
            assert {"controller", model_name} <= set(await controller.list_models())
            assert model_name in await controller.model_uuids()
        with calling("ModelUpgraderFacade before 2.9.33: not announced"):
            assert "ModelUpgrader" not in announced(controller)
    async with Closing(Model()) as model:
        with calling("Model.connect(controller:owner/model)") as told:
            await model.connect(f"{name}:admin/{model_name}")
            assert set(agents(model).values()) == {old}, agents(model)
            told.result = f"ok: {agents(model)}"
        with calling("Model.get_status"):
            status = await model.get_status()
            assert status.model.version == old
            assert status.applications["ubuntu"].series == "bionic"
        with calling("Model.get_config, set_config"):
            await model.set_config({"logging-config": "<root>=DEBUG"})
            assert (await model.get_config())["logging-config"].value == "<root>=DEBUG"
            await model.set_config({"logging-config": "<root>=INFO"})
    # A controller of 2.6 leaves it to its clients to refuse a lower version.
    await as_a_client_of_old(name, model_name, old, current, "2.6.1", "no agent binaries available of 2.6.1")


asyncio.run(main(*sys.argv[1:]))
