"""Many clients of python-libjuju at once, each connected to a model and watching it while it is upgraded.

JUJU_DATA names the store; the arguments are the controller's name, a model of it, how many clients, the version that
its agents come to, the number of agents, and the file to make when all are connected.
"""

import asyncio
import sys
from pathlib import Path

from calls import calling
from juju.model import Model
from libjuju import agents, all_at

SECONDS = 600


async def main(name, model_name, clients, version, size, connected):
    models = [Model() for _ in range(int(clients))]
    with calling(f"Model.connect, {clients} at once"):
        for model in models:
            await model.connect(f"{name}:admin/{model_name}")
        before = [model.connection()._ws for model in models]
        assert all(socket is not None for socket in before)
    Path(connected).touch()
    with calling(f"Model.block_until(all agents at {version}), {clients} at once") as told:
        await asyncio.gather(*(all_at(model, version, SECONDS) for model in models))
        assert all(len(agents(model)) == int(size) for model in models), [len(agents(model)) for model in models]
        told.result = f"ok: {clients} of {clients} saw {size} agents at {version}"
    with calling("none of them was dropped"):
        after = [model.connection()._ws for model in models]
        assert [old is new for old, new in zip(before, after, strict=True)] == [True] * len(models)
        assert all(model.is_connected() for model in models)
    for model in models:
        await model.disconnect()


asyncio.run(main(*sys.argv[1:]))
