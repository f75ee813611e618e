"""python-libjuju finds controllers, and what belongs to them, in a client store that has two.

JUJU_DATA names the store; the arguments are the name of the controller of this client's era, and that of the other.
"""

import asyncio
import sys

from calls import calling, expect
from juju.client.jujudata import FileJujuData
from juju.controller import Controller
from juju.errors import JujuConnectionError
from juju.model import Model
from libjuju import Closing
from store import controller_entry


async def by_name(name, other):
    with calling("Controller.connect(name), of two") as told:
        async with Closing(Controller()) as controller:
            await controller.connect(name)
            assert controller.controller_uuid == controller_entry(name)["uuid"]
            told.result = "ok: server-version " + controller.connection().info["server-version"]
    with calling("Controller.connect(name), the other of two") as told:
        # It is there, and of another era.
        told.result = await expect(Controller().connect(other), JujuConnectionError, "not supported")


async def by_choice(name):
    known = FileJujuData()
    with calling("FileJujuData.current_controller, current_model") as told:
        assert known.current_controller() == name
        model = known.current_model()
        assert known.current_model(name, model_only=True) == model.removeprefix(f"{name}:")
        told.result = f"ok: {model}"
    with calling("FileJujuData.parse_model"):
        assert known.parse_model("default") == (name, "admin/default")
        assert known.parse_model(None) == (name, model.removeprefix(f"{name}:"))
    with calling("Controller.connect(), to the current one") as told:
        async with Closing(Controller()) as controller:
            await controller.connect()
            assert controller.controller_name == name
            assert controller.controller_uuid == controller_entry(name)["uuid"]
            told.result = f"ok: {controller.controller_name}"
    with calling("Model.connect(), to the current one") as told:
        async with Closing(Model()) as connected:
            await connected.connect()
            assert f"{name}:admin/{connected.name}" == model
            told.result = f"ok: {connected.name}"
    with calling("FileJujuData.controller_name_by_endpoint"):
        assert known.controller_name_by_endpoint(controller_entry(name)["api-endpoints"][0]) == name


async def credentials(name, other):
    known = FileJujuData()
    with calling("FileJujuData.load_credential") as told:
        # A lab is a region of the cloud, and has a credential of its name.
        region = controller_entry(name)["region"]
        credential, content = known.load_credential("docker", region)
        assert (credential, content.auth_type) == (region, "empty"), (credential, content)
        told.result = f"ok: {credential} ({content.auth_type})"
    with calling("FileJujuData.load_credential: which of two"):
        # With two labs, there is no default to take.
        assert FileJujuData().load_credential("docker") == (None, None)
    async with Closing(Controller()) as controller:
        await controller.connect(name)
        with calling("Controller.add_credential(of the store), add_model(credential_name)") as told:
            added = await controller.add_credential(region, cloud="docker")
            assert added == region, added
            model = await controller.add_model("stored", cloud_name="docker", credential_name=added)
            told.result = f"ok: with {added}"
            await model.disconnect()
        with calling("Controller.destroy_models"):
            await controller.destroy_models("stored", destroy_storage=True, force=True)
        with calling("FileJujuData.controllers, models, accounts") as told:
            fresh = FileJujuData()
            assert {name, other} <= set(fresh.controllers())
            assert {name, other} <= set(fresh.models())
            assert {name, other} <= set(fresh.accounts())
            told.result = f"ok: {len(fresh.controllers())} controllers"


async def main(name, other):
    await by_name(name, other)
    await by_choice(name)
    await credentials(name, other)


asyncio.run(main(*sys.argv[1:]))
