"""What python-libjuju asks of a controller before 2.9.33, whose clients choose their models' versions."""

from calls import calling, expect
from juju.client import client
from juju.errors import JujuAPIError
from juju.model import Model
from libjuju import Changes, Closing, agents, all_at, facade

SECONDS = 300


async def set_version(model, version):
    await facade(client.ClientFacade, model).SetModelAgentVersion(force=False, version=client.Number.from_json(version))


async def as_a_client_of_old(name, model_name, old, current, refused, words):
    """Upgrades the model to its controller's version; ``refused`` is one that it must not get, with these words."""
    async with Closing(Model()) as model:
        await model.connect(f"{name}:admin/{model_name}")
        changes = Changes(model)
        with calling("ClientFacade.AgentVersion, FindTools") as told:
            asked, minor = facade(client.ClientFacade, model), int(current.split(".")[1])
            assert (await asked.AgentVersion()).version.serialize()
            tools = await asked.FindTools(
                agentstream="", arch="", major=2, minor=minor, number=client.Number.from_json("0.0.0"), series=""
            )
            assert tools.list_
            told.result = f"ok: {len(tools.list_)} binaries"
        with calling(f"ClientFacade.SetModelAgentVersion({refused})") as told:
            told.result = await expect(set_version(model, refused), JujuAPIError, words)
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
