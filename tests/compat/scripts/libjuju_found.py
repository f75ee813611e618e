"""python-libjuju connects by a controller's name to a lab whose containers have come back with other addresses.

JUJU_DATA names the store; the arguments are the controller's name, a model of it, and the new address of its machine 0.
"""

import asyncio
import sys

from calls import calling
from juju.controller import Controller
from juju.model import Model
from libjuju import Closing


async def main(name, model_name, address):
    with calling("Controller.connect(name), after a restart at other addresses") as told:
        async with Closing(Controller()) as controller:
            await controller.connect(name)
            assert model_name in await controller.list_models()
            told.result = f"ok: at {controller.connection().endpoint}"
    with calling("Model.connect(name), after a restart at other addresses") as told:
        async with Closing(Model()) as model:
            await model.connect(f"{name}:admin/{model_name}")
            assert model.machines["0"].dns_name == address, model.machines["0"].dns_name
            told.result = f"ok: machine 0 is at {address}"


asyncio.run(main(*sys.argv[1:]))
