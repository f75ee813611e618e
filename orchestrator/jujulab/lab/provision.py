"""Makes the containers of machines that the controller knows and Docker does not, and removes the others.

In Juju the controller asks a cloud for instances. Here nobody but the operator's own host may talk to Docker, so the
commands that add or remove machines do it, and any of them finishes what another left undone.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from docker.models.containers import Container

from jujulab import host, images
from jujulab.lab import controllers, machines, names, pki, restore, secrets
from jujulab.lab.engine import Engine, in_parallel
from jujulab.store import Store
from jujulab_core.errors import JujulabError
from jujulab_core.rpc import Client

Report = Callable[[str], None]


def provision_pending(client: Client, controller_name: str, report: Report) -> None:
    """Brings the containers of a controller's machines in line with what the controller wants.

    Args:
        client: A controller connection, logged in as a superuser.
        controller_name: Whose lab it is.
        report: Told of each container that is made or removed.

    Raises:
        JujulabError: A container could not be made; the others were.
        HostError: The host cannot take that many machines.
    """
    with Engine() as engine:
        lab = lab_of(engine, controller_name)
        _Provisioner(engine, client, controller_name, lab, report).run()


def lab_of(engine: Engine, controller_name: str) -> str:
    """The lab whose controller has this name.

    Raises:
        JujulabError: There is none on this host.
    """
    for container in engine.containers(role=names.CONTROLLER):
        if container.labels.get(names.LABEL_CONTROLLER) == controller_name:
            return str(container.labels[names.LABEL_LAB])
    raise JujulabError(
        f'no lab on this host has a controller "{controller_name}"',
        next_step="see what there is with 'jujulab labs'",
    )


class _Provisioner:
    def __init__(self, engine: Engine, client: Client, controller: str, lab: str, report: Report) -> None:
        self._engine = engine
        self._client = client
        self._controller = controller
        self._lab = lab
        self._report = report
        directory = Store.default().lab_dir(lab)
        self._secrets = secrets.load(directory, lab)
        self._known_hosts = directory / "ssh" / "known_hosts"

    def run(self) -> None:
        restore.refuse_while_awaited(Store.default(), self._lab)
        wanted = self._client.call("LabProvisioner", "Pending")
        present = {
            (container.labels.get(names.LABEL_MODEL), container.labels.get(names.LABEL_MACHINE)): container
            for role in (names.MACHINE, names.CONTROLLER)
            for container in self._engine.containers(self._lab, role)
        }
        gone = [found for found in present.values() if found.attrs["Config"]["Hostname"] not in wanted["instances"]]
        # Before one goes: it may be the one that answers.
        self._tell_endpoints(without=gone)
        in_parallel(self._remove, gone)
        missing = []
        for machine in wanted["machines"]:
            found = present.get((machine["model-uuid"], machine["id"]))
            if found is None or found.status == "created":
                missing.append(machine)
        if not missing:
            return
        host.check_capacity(len(self._engine.containers()) + len(missing))
        self._run_kwargs = host.machine_run_kwargs(self._engine.client.info())
        images.ensure_images(self._engine.client, progress=self._report)
        keys = {self._key(machine): pki.make_ssh_key(self._instance(machine)) for machine in missing}
        # Pinned before the machine exists: there is no first contact that would have to be trusted.
        pin_host_keys(
            self._known_hosts,
            {self._instance(machine): keys[self._key(machine)].public for machine in missing},
        )
        started = itertools.count(1)

        def make(machine: dict[str, str]) -> None:
            self._make(machine, keys[self._key(machine)])
            self._report(f"starting {_machines(len(missing))}: {next(started)} of {len(missing)}")

        self._report(f"starting {_machines(len(missing))}")
        in_parallel(make, missing)
        self._tell_endpoints()

    def _make(self, machine: dict[str, str], host_key: pki.SshKey) -> None:
        model, machine_id = machine["model-uuid"], machine["id"]
        answer = self._client.call(
            "LabProvisioner",
            "Provision",
            {
                "model-uuid": model,
                "id": machine_id,
                "instance-id": self._instance(machine),
                "host-key": " ".join(host_key.public.split()[:2]),
            },
        )
        files = machines.first_boot(
            agent_conf=answer["agent-conf"],
            binary=answer["binary"],
            sha256=answer["sha256"],
            size=answer["size"],
            urls=answer["urls"],
            ca_cert=self._secrets.ca.certificate,
            host_key=host_key,
            authorized_key=self._secrets.ssh_key.public,
        )
        if not machine["is-controller"]:
            spec = machines.machine_spec(self._lab, model, machine_id, files, self._run_kwargs)
            self._engine.ensure_started(spec)
            return
        # A fault may keep those that are there off it.
        internet = any(map(controllers.is_on_internet, controllers.of_lab(self._engine, self._lab)))
        controllers.start_on_free_port(
            self._engine,
            lambda port: controllers.container_spec(
                self._lab, self._controller, model, machine_id, port, files, self._run_kwargs, internet=internet
            ),
        )

    def _tell_endpoints(self, without: Sequence[Container] = ()) -> None:
        """Lets the controllers, and this client store, know where people's clients reach them, if they do not."""
        leaving = {found.name for found in without}
        left = [found for found in controllers.of_lab(self._engine, self._lab) if found.name not in leaving]
        endpoints = [controllers.endpoint(found) for found in left]
        known = Store.default().controllers().get(self._controller)
        if not endpoints or known is None or list(known.endpoints) == endpoints:
            return
        self._client.call("LabProvisioner", "SetEndpoints", {"endpoints": endpoints})
        count = len(endpoints)
        Store.default().update_controller(
            self._controller, endpoints=endpoints, controller_machines=count, active_controller_machines=count
        )

    def _remove(self, container: Container) -> None:
        self._engine.remove(container)
        self._report(f"removing machines: {container.attrs['Config']['Hostname']}")

    @staticmethod
    def _key(machine: dict[str, str]) -> tuple[str, str]:
        return machine["model-uuid"], machine["id"]

    @staticmethod
    def _instance(machine: dict[str, str]) -> str:
        return names.instance_id(machine["model-uuid"], machine["id"])


def _machines(count: int) -> str:
    return "1 machine" if count == 1 else f"{count} machines"


def pin_host_keys(known_hosts: Path, keys: dict[str, str]) -> None:
    """Writes the public host keys of instances to a known_hosts file, in place of older ones of the same names.

    Machines are looked up by instance id (``HostKeyAlias``): addresses change when a lab is started again.
    """
    lines = known_hosts.read_text().splitlines() if known_hosts.exists() else []
    kept = [line for line in lines if line.split(" ", 1)[0] not in keys]
    added = [f"{name} {' '.join(public.split()[:2])}" for name, public in keys.items()]
    temporary = known_hosts.with_suffix(".new")
    temporary.write_text("\n".join([*kept, *added]) + "\n")
    if known_hosts.exists():
        shutil.copymode(known_hosts, temporary)
    temporary.replace(known_hosts)
