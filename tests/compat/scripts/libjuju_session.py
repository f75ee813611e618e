"""What people's scripts ask python-libjuju for, but for upgrades.

JUJU_DATA names the store; the arguments are the controller's name, and a model of it with two units of `ubuntu`.
"""

import asyncio
import base64
import contextlib
import hashlib
import os
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from calls import calling, expect
from juju.client import client
from juju.controller import Controller
from juju.errors import JujuAPIError, JujuBackupError, JujuError
from juju.model import Model
from libjuju import Closing, facade
from store import account, controller_entry

SCRATCH = "compat-scratch"
WAIT = 300


async def logins(name, model_name):
    known, me = controller_entry(name), account(name)
    words = {"endpoint": known["api-endpoints"][0], "cacert": known["ca-cert"]}
    with calling("Controller.connect(endpoint, username, password, cacert)"):
        async with Closing(Controller()) as controller:
            await controller.connect(username=me["user"], password=me["password"], **words)
            assert model_name in await controller.list_models()
    with calling("Controller.connect: wrong password") as told:
        refused = Controller().connect(username=me["user"], password="wrong", **words)
        told.result = await expect(refused, JujuAPIError, "invalid entity name or password")
    with calling("Controller.connect: unknown user") as told:
        refused = Controller().connect(username="nobody", password="wrong", **words)
        told.result = await expect(refused, JujuAPIError, "invalid entity name or password")
    with calling("Controller.connect(name)") as told:
        async with Closing(Controller()) as controller:
            await controller.connect(name)
            told.result = "ok: server-version " + controller.connection().info["server-version"]
    with calling("Model.connect(uuid): unknown model") as told:
        missing = Model().connect(
            uuid="00000000-0000-4000-8000-000000000000", username=me["user"], password=me["password"], **words
        )
        told.result = await expect(missing, JujuAPIError, "unknown model")
    with calling("Model.connect(endpoint, uuid, username, password, cacert)"):
        async with Closing(Controller()) as controller:
            await controller.connect(name)
            uuid = (await controller.model_uuids())[model_name]
        async with Closing(Model()) as model:
            await model.connect(uuid=uuid, username=me["user"], password=me["password"], **words)
            assert model.info.name == model_name


async def about_the_controller(controller, model_name):
    with calling("Controller.list_models") as told:
        names = await controller.list_models()
        assert {"controller", model_name} <= set(names), names
        told.result = f"ok: {len(names)} models"
    with calling("Controller.list_models(all=True)"):
        assert model_name in await controller.list_models(all=True)
    with calling("Controller.model_uuids"):
        uuid = (await controller.model_uuids())[model_name]
    with calling("ModelManagerFacade.ModelInfo") as told:
        tags = [client.Entity(f"model-{uuid}")]
        info = (await facade(client.ModelManagerFacade, controller).ModelInfo(tags)).results[0].result
        assert info.name == model_name
        assert len(info.machines) == 2
        told.result = f"ok: agent-version {info.agent_version}"
    with calling("Controller.info / ControllerVersion") as told:
        told.result = f"ok: {(await facade(client.ControllerFacade, controller).ControllerVersion()).version}"
    with calling("ControllerFacade.ControllerConfig"):
        config = await facade(client.ControllerFacade, controller).ControllerConfig()
        assert config.config["controller-uuid"]
    with calling("Controller.api_endpoints"):
        assert await controller.api_endpoints
    with calling("Controller.get_cloud, clouds, cloud") as told:
        name = await controller.get_cloud()
        assert f"cloud-{name}" in (await controller.clouds()).clouds
        assert (await controller.cloud()).cloud.auth_types
        told.result = f"ok: {name}"
    with calling("Controller.add_credential, from the client store") as told:
        (region,) = (await controller.clouds()).clouds[f"cloud-{name}"].regions
        told.result = f"ok: {await controller.add_credential(region.name)}"
    with calling("Controller.get_users"):
        assert "admin" in [user.username for user in await controller.get_users()]
    with calling("Controller.get_user: unknown") as told:
        assert await controller.get_user("nobody-here") is None
        told.result = "ok: None"
    with calling("Controller.get_current_user"):
        assert (await controller.get_current_user()).username == "admin"
    with calling("ControllerFacade.ListBlockedModels"):
        await facade(client.ControllerFacade, controller).ListBlockedModels()
    with calling("ModelManagerFacade.ModelStatus"):
        statuses = await facade(client.ModelManagerFacade, controller).ModelStatus([client.Entity(f"model-{uuid}")])
        assert statuses.models[0].hosted_machine_count == 2


async def about_a_model(model):
    with calling("Model.machines: agent versions, addresses") as told:
        versions = {machine.id: machine.agent_version for machine in model.machines.values()}
        assert all(versions.values())
        assert all(machine.dns_name for machine in model.machines.values())
        assert {machine.agent_status for machine in model.machines.values()} == {"started"}
        assert {machine.status for machine in model.machines.values()} == {"running"}
        assert all(machine.hostname for machine in model.machines.values())
        told.result = f"ok: {versions}"
    with calling("Model.applications") as told:
        application = model.applications["ubuntu"]
        assert application.status == "active"
        assert application.charm_name == "ubuntu"
        told.result = f"ok: {', '.join(model.applications)}"
    with calling("Model.units: agent versions, statuses") as told:
        units = model.applications["ubuntu"].units
        assert len(units) == 2
        assert all(unit.agent_status == "idle" and unit.workload_status == "active" for unit in units)
        assert all(unit.machine.id in model.machines and unit.public_address for unit in units)
        versions = {unit.name: str(unit.safe_data["agent-status"]["version"]) for unit in units}
        assert all(versions.values())
        told.result = f"ok: {versions}"
    with calling("Unit.is_leader_from_status"):
        leaders = [await unit.is_leader_from_status() for unit in model.applications["ubuntu"].units]
        assert sorted(leaders) == [False, True]
    with calling("Unit.get_public_address"):
        assert await model.applications["ubuntu"].units[0].get_public_address()
    with calling("Model.get_status") as told:
        status = await model.get_status()
        assert len(status.machines) == 2
        assert len(status.applications["ubuntu"].units) == 2
        told.result = f"ok: model.version {status.model.version}"
    with calling("Model.get_status(filters)"):
        assert list((await model.get_status(filters=["ubuntu"])).applications) == ["ubuntu"]
    with calling("Application.get_status / local_status") as told:
        told.result = f"ok: {await model.applications['ubuntu'].get_status()}"
    with calling("Model.wait_for_idle(status=active)"):
        await model.wait_for_idle(apps=["ubuntu"], status="active", timeout=WAIT, idle_period=1)
    with calling("Model.block_until"):
        await model.block_until(lambda: len(model.units) >= 2, timeout=WAIT)
    with calling("Model.get_config"):
        assert (await model.get_config())["agent-version"].value
    with calling("Model.set_config, and read again"):
        await model.set_config({"logging-config": "<root>=DEBUG"})
        assert (await model.get_config())["logging-config"].value == "<root>=DEBUG"
        await model.set_config({"logging-config": "<root>=INFO"})
    with calling("Model.set_config: agent-version") as told:
        told.result = await expect(
            model.set_config({"agent-version": "9.9.9"}), JujuAPIError, "agent-version cannot be changed"
        )
    with calling("Model.get_constraints, set_constraints"):
        await model.set_constraints({"arch": "amd64"})
        assert (await model.get_constraints())["arch"] == "amd64"
        await model.set_constraints({})
    with calling("Model.get_annotations, set_annotations"):
        await model.set_annotations({"made-by": "compat"})
        assert (await model.get_annotations())["made-by"] == "compat"
        await model.set_annotations({"made-by": ""})
    with calling("Model.get_machines"):
        assert len(await model.get_machines()) == 2


async def users_and_rights(name, controller, model_name):
    known = controller_entry(name)
    words = {"endpoint": known["api-endpoints"][0], "cacert": known["ca-cert"]}
    bob = {"username": f"bob-{os.getpid()}", "password": "bob-s3cret"}
    uuid = (await controller.model_uuids())[model_name]
    with calling("Controller.add_user"):
        user = await controller.add_user(bob["username"], password=bob["password"], display_name="Bob")
        assert user.username == bob["username"]
    with calling("Controller.grant(login), a user logs in"):
        await controller.grant(bob["username"], "login")
        async with Closing(Controller()) as theirs:
            await theirs.connect(**words, **bob)
            assert await theirs.list_models() == []
    with calling("Model.connect: no right to the model") as told:
        told.result = await expect(Model().connect(uuid=uuid, **words, **bob), JujuAPIError, "permission denied")
    with calling("Controller.grant_model(read), a user reads"):
        await controller.grant_model(bob["username"], uuid, "read")
        async with Closing(Model()) as theirs:
            await theirs.connect(uuid=uuid, **words, **bob)
            assert len(theirs.machines) == 2
            with calling("Model.set_config: with read only") as told:
                told.result = await expect(
                    theirs.set_config({"logging-config": "<root>=DEBUG"}), JujuAPIError, "permission denied"
                )
    with calling("Controller.add_model: not a superuser") as told:
        async with Closing(Controller()) as theirs:
            await theirs.connect(**words, **bob)
            told.result = await expect(theirs.add_model("bobs"), JujuAPIError, "permission denied")
    with calling("Controller.revoke_model"):
        await controller.revoke_model(bob["username"], uuid, "read")
    with calling("Controller.grant(superuser), revoke(superuser)"):
        await controller.grant(bob["username"], "superuser")
        await controller.revoke(bob["username"], "superuser")
    with calling("Controller.change_user_password, disable_user, enable_user"):
        await controller.change_user_password(bob["username"], "n3w-s3cret")
        await controller.disable_user(bob["username"])
        refused = Controller().connect(username=bob["username"], password="n3w-s3cret", **words)
        await expect(refused, JujuAPIError, "invalid entity name or password")
        await controller.enable_user(bob["username"])
    with calling("Controller.remove_user"):
        await controller.remove_user(bob["username"])
        assert bob["username"] not in [user.username for user in await controller.get_users()]


async def a_model_of_ones_own(controller, deploy):
    with calling("Controller.add_model"):
        model = await controller.add_model(SCRATCH)
    with calling("Controller.add_model: exists already") as told:
        told.result = await expect(controller.add_model(SCRATCH), JujuAPIError, "already exists")
    async with Closing(model):
        with calling("Model.add_machine"):
            machine = await model.add_machine()
            assert machine.id == "0"
        await deploy(model)
        with calling("BlockFacade.SwitchBlockOn(BlockChange)"):
            await facade(client.BlockFacade, model).SwitchBlockOn(message="hands off", type_="BlockChange")
        with calling("Model.set_config: blocked") as told:
            told.result = await expect(model.set_config({"logging-config": "x"}), JujuAPIError, "hands off")
        with calling("BlockFacade.List, SwitchBlockOff"):
            blocks = await facade(client.BlockFacade, model).List()
            assert blocks.results[0].result.type_ == "BlockChange"
            await facade(client.BlockFacade, model).SwitchBlockOff(type_="BlockChange")
    with calling("Controller.destroy_models") as told:
        await controller.destroy_models(SCRATCH, destroy_storage=True, force=True)
        assert SCRATCH not in await controller.list_models()
    with calling("Controller.destroy_models: not found") as told:
        told.result = await expect(
            controller.destroy_models("00000000-0000-4000-8000-000000000000"), JujuError, "not found"
        )


async def applications(model):
    # Model.deploy asks Charmhub, on the internet, before it asks the controller; a lab has no Charmhub.
    with calling("ApplicationFacade.Deploy"):
        await deploy(model, "ubuntu", num_units=1, placement=[client.Placement(directive="0", scope="#")])
        await model.block_until(lambda: "ubuntu/0" in model.units, timeout=WAIT)
    with calling("Application.add_unit"):
        await model.applications["ubuntu"].add_unit(1, to="0")
        await model.block_until(lambda: "ubuntu/1" in model.units, timeout=WAIT)
    with calling("Model.relate"):
        await deploy(model, "nagios", num_units=0)
        await model.block_until(lambda: "nagios" in model.applications, timeout=WAIT)
        await model.integrate("ubuntu", "nagios") if hasattr(model, "integrate") else await model.relate(
            "ubuntu", "nagios"
        )
        await model.block_until(lambda: len(model.relations) == 1, timeout=WAIT)
    with calling("Application.destroy_unit"):
        await model.applications["ubuntu"].destroy_unit("ubuntu/1")
        await model.block_until(lambda: "ubuntu/1" not in model.units, timeout=WAIT)
    with calling("Application.destroy_unit: not found") as told:
        destroying = facade(client.ApplicationFacade, model).DestroyUnit(
            [{"unit-tag": "unit-ubuntu-77", "destroy-storage": False, "force": False}]
        )
        told.result = await expect(destroying, JujuError, "not found")
    with calling("Model.remove_application"):
        await model.remove_application("nagios")
        await model.block_until(lambda: "nagios" not in model.applications, timeout=WAIT)
    with calling("Machine.destroy(force)"):
        await model.machines["0"].destroy(force=True)
        await model.block_until(lambda: not model.machines and not model.units, timeout=WAIT)


async def deploy(model, name, **words):
    application = client.ApplicationDeploy(application=name, charm_url=name, **words)
    answer = await facade(client.ApplicationFacade, model).Deploy([application])
    assert not answer.results[0].error, answer.results[0].error


async def backups(name, model_name):
    async with Closing(Model()) as model:
        await model.connect(f"{name}:admin/controller")
        # The archive comes into the working directory, unless it is told another.
        with calling("Model.create_backup") as told, TemporaryDirectory() as directory, contextlib.chdir(directory):
            path, made = await model.create_backup(notes="before the upgrade")
            assert made["notes"] == "before the upgrade", made
            assert Path(path).stat().st_size == made["size"], made
            assert tarfile.is_tarfile(path)
            told.result = f"ok: {path}, {made['size']} bytes"
        with calling("Model.download_backup: a second time") as told:
            told.result = await refused(lambda: model.download_backup(made["filename"]), JujuBackupError)
        await kept(model)
    async with Closing(Model()) as model:
        await model.connect(f"{name}:admin/{model_name}")
        with calling("Model.create_backup: not the controller model") as told:
            told.result = await expect(model.create_backup(), JujuAPIError, "backups are only supported from")


async def kept(model):
    asked = facade(client.BackupsFacade, model)
    if not hasattr(asked, "List"):
        # From Backups 3 on nothing is kept; an archive waits for its one download.
        made = (await asked.Create(notes="", no_download=True)).serialize()
    else:
        # The client's class of version 2 cannot ask for a copy to be kept.
        params = {"notes": "", "keep-copy": True, "no-download": True}
        made = (await asked.rpc({"type": "Backups", "request": "Create", "version": 2, "params": params}))["response"]
        with calling("Model.get_backups") as told:
            ids = [entry["id"] for entry in await model.get_backups()]
            assert ids == [made["id"]], (ids, made)
            told.result = f"ok: {ids}"
    with calling("Model.download_backup(id, file)") as told, TemporaryDirectory() as directory:
        wanted = str(Path(directory) / "mine.tar.gz")
        assert model.download_backup(made["filename"], wanted) == wanted
        digest = base64.b64encode(hashlib.sha1(Path(wanted).read_bytes()).digest()).decode()
        assert digest == made["checksum"], (digest, made)
        told.result = f"ok: {made['size']} bytes, of the checksum that was told"


async def refused(call, kind):
    try:
        call()
    except kind as error:
        return f"{kind.__name__}: {error}"
    raise AssertionError("not refused")


async def main(name, model_name):
    await logins(name, model_name)
    async with Closing(Controller()) as controller:
        await controller.connect(name)
        await about_the_controller(controller, model_name)
        await users_and_rights(name, controller, model_name)
        await a_model_of_ones_own(controller, applications)
    await backups(name, model_name)
    async with Closing(Model()) as model:
        with calling("Model.connect(controller:owner/model)"):
            await model.connect(f"{name}:admin/{model_name}")
        await about_a_model(model)


asyncio.run(main(*sys.argv[1:]))
