"""python-libjuju refuses the controllers of another era, by its own choice.

JUJU_DATA names the store; the arguments are the controller's name and the words of the refusal.
"""

import asyncio
import sys

from calls import calling, expect
from juju.controller import Controller
from juju.errors import JujuConnectionError


async def main(name, words):
    with calling("Controller.connect to a controller of another era") as told:
        told.result = await expect(Controller().connect(name), JujuConnectionError, words)


asyncio.run(main(*sys.argv[1:]))
