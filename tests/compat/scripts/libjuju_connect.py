"""python-libjuju connects: by endpoint, user, password and CA, and by the controller's name from the client store.

JUJU_DATA names the store; the arguments are the controller's name and a model's.
"""

import asyncio
import os
import sys
from pathlib import Path

import yaml
from calls import calling
from juju.controller import Controller
from juju.model import Model


async def main(name, model_name):
    store = Path(os.environ["JUJU_DATA"])
    known = yaml.safe_load((store / "controllers.yaml").read_text())["controllers"][name]
    account = yaml.safe_load((store / "accounts.yaml").read_text())["controllers"][name]
    with calling("Controller.connect(endpoint, username, password, cacert)") as told:
        controller = Controller()
        await controller.connect(
            endpoint=known["api-endpoints"][0],
            username=account["user"],
            password=account["password"],
            cacert=known["ca-cert"],
        )
        try:
            told.result = f"ok: controller {controller.controller_name or name}"
            assert model_name in await controller.list_models()
        finally:
            await controller.disconnect()
    with calling("Controller.connect(name)"):
        controller = Controller()
        await controller.connect(name)
        try:
            assert controller.connection().info["server-version"]
        finally:
            await controller.disconnect()
    with calling("Model.connect(controller:owner/model)") as told:
        model = Model()
        await model.connect(f"{name}:admin/{model_name}")
        try:
            told.result = f"ok: {len(model.machines)} machines, {len(model.units)} units"
            assert len(model.machines) == 2
        finally:
            await model.disconnect()


asyncio.run(main(*sys.argv[1:]))
