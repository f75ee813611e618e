"""Brings a lab up: makes what is missing, leaves alone what is there, and waits until every agent has logged in.

Each step looks before it acts, so an interrupted ``up`` goes on where it stopped when it is run again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from typing import Literal

from docker.models.containers import Container

from jujulab import host, images
from jujulab.lab import controllers, machines, names, provision, publish, restore, secrets
from jujulab.lab.engine import ContainerSpec, Engine, File
from jujulab.lab.fill import fill_model
from jujulab.lab.labspec import LabSpec, default_series
from jujulab.lab.ready import admin_client, wait_for_agents
from jujulab.lab.users import ensure_user
from jujulab.store import Store
from jujulab_core.errors import JujulabError, UsageError
from jujulab_core.layout import API_PORT, STREAMS_URL
from jujulab_core.rpc import Client
from jujulab_core.rpc.results import check
from jujulab_core.version import Binary, Number, binary_series
from jujulab_core.waiting import Deadline

Report = Callable[[str], None]
# The controller's container is about to be made; it starts itself up; it answers.
Moment = Literal["installing", "configuring", "answering"]
Reached = Callable[[Moment], None]
CLOUD = "docker"


def bring_up(spec: LabSpec, report: Report, timeout: float, reached: Reached = lambda _: None) -> None:
    """Makes the lab, or brings an existing one to what is described.

    Args:
        spec: What it shall look like.
        report: Told of each step, in a few words.
        timeout: Seconds for the whole.
        reached: Told how far the controller is.

    Raises:
        UsageError: The lab exists and cannot become what is described.
        HostError: This host cannot run it.
        DeadlineError: It was not ready in time; running it again goes on.
        JujulabError: A step failed.
    """
    deadline = Deadline(timeout, "run the same command again to go on, or give it longer with --timeout")
    with Engine() as engine:
        _Up(engine, spec, report, deadline, reached).run()


class _Up:
    def __init__(self, engine: Engine, spec: LabSpec, report: Report, deadline: Deadline, reached: Reached) -> None:
        self._engine = engine
        self._spec = spec
        self._report = report
        self._deadline = deadline
        self._reached = reached
        self._store = Store.default()
        # What a new controller gets; port 0 is any that is free.
        self._version, self._port = spec.agent_version, spec.api_port
        self._series = default_series(spec.agent_version)

    def run(self) -> None:
        spec = self._spec
        self._check_names()
        # Looked for again when it is taken; asked for now, so that nothing is made when there is none.
        made = bool(controllers.of_lab(self._engine, spec.name))
        if not made and next(controllers.free_ports(self._engine, self._port), None) is None:
            raise controllers.no_port(self._port)
        # Controllers, streams and orchestrator come on top of the machines.
        host.check_capacity(spec.machine_count + spec.controllers + 2)
        images.ensure_images(self._engine.client, progress=self._report)
        self._secrets = secrets.load_or_make(self._store.lab_dir(spec.name), spec.name)
        self._engine.ensure_network(spec.name, names.network(spec.name))
        self._engine.ensure_network(spec.name, names.internet(spec.name), internal=True)
        self._replace_lost()
        streams = self._streams()
        published = self._publish(streams)
        self._reached("installing")
        port = self._controller(published)
        endpoint = f"127.0.0.1:{port}"
        self._reached("configuring")
        with closing(self._connect(endpoint)) as client:
            self._reached("answering")
            self._register(client, endpoint)
            self._orchestrator()
            restore.refuse_while_awaited(self._store, spec.name)
            self._configure(client, endpoint)
            self._more_controllers(client)
            models = self._models(client)
            for user in spec.users:
                known = self._store.controllers()[spec.controller]
                ensure_user(client, user, known, models, self._store.lab_dir(spec.name))
            rollout = {f"rollout-{key}": value for key, value in spec.rollout.items()}
            for model in spec.models:
                with closing(self._connect(endpoint, models[model.name])) as connection:
                    fill_model(connection, model, spec.model_settings | rollout)
            provision.provision_pending(client, spec.controller, self._report)
            for name, uuid in models.items():
                with closing(self._connect(endpoint, uuid)) as connection:
                    wait_for_agents(connection, name, self._deadline, self._report)

    def _check_names(self) -> None:
        spec = self._spec
        for container in self._engine.containers(role=names.CONTROLLER):
            lab, controller = container.labels[names.LABEL_LAB], container.labels.get(names.LABEL_CONTROLLER)
            if lab == spec.name and controller != spec.controller:
                raise UsageError(
                    f'lab "{lab}" exists already, with the controller "{controller}", not "{spec.controller}"'
                )
            if lab != spec.name and controller == spec.controller:
                raise UsageError(f'the controller name "{controller}" is taken by lab "{lab}"')

    def _replace_lost(self) -> None:
        lost = restore.lost_controller(self._engine, self._store, self._spec)
        if lost is None:
            return
        self._report(f"the controller's container is gone, {lost.machines} machines are left: making a new one")
        restore.expect(self._store, self._spec.name)
        # As the old one was: what clients and agents know of it stays true, and a backup of it fits.
        self._version, self._port = lost.version, lost.port

    def _streams(self) -> Container:
        lab, cert = self._spec.name, self._secrets.streams_cert
        return self._engine.ensure_started(
            ContainerSpec(
                name=names.container(lab, names.STREAMS),
                image=images.image_tag("streams"),
                hostname=names.STREAMS,
                labels=names.labels(lab, names.STREAMS),
                networks={names.internet(lab): ("streams.canonical.com",)},
                files=(
                    File("/etc/jujulab/tls.crt", cert.certificate),
                    File("/etc/jujulab/tls.key", cert.key),
                ),
                run={"init": True},
            )
        )

    def _publish(self, streams: Container) -> dict[str, str]:
        spec = self._spec
        public_key = json.loads(self._engine.run_in(streams, ["jujulab-publish", "init", "--url", STREAMS_URL]))
        offered = publish.offered(self._engine, spec.name)
        arch = machines.host_arch()
        series = tuple(dict.fromkeys([self._series, *(model.series for model in spec.models)]))

        def is_offered(version: Number, stream: str) -> bool:
            # What something only starts on may be in any stream.
            anywhere = version not in spec.streams.get(stream, ())
            there = {entry["binary"] for entry in offered if anywhere or entry["stream"] == stream}
            return all(str(Binary(version, binary_series(version, name), arch)) in there for name in series)

        for stream, versions in spec.published().items():
            missing = [version for version in versions if not is_offered(version, stream)]
            if missing:
                self._report(f"publishing {', '.join(map(str, missing))} in stream {stream}")
                publish.publish(self._engine, spec.name, missing, stream=stream, series=series, arches=(arch,))
        wanted = str(Binary(self._version, binary_series(self._version, self._series), arch))
        found = next((e for e in publish.offered(self._engine, spec.name) if e["binary"] == wanted), None)
        if found is None:
            raise JujulabError(
                f"the lab's internet does not offer {wanted}, which the controller ran",
                next_step=f"publish it with 'jujulab publish {self._version}' and run this again",
            )
        return {**found, "public-key": public_key["public-key"]}

    def _controller(self, published: dict[str, str]) -> int:
        spec = self._spec
        made = [found for found in controllers.of_lab(self._engine, spec.name) if found.status != "created"]
        for found in made:
            self._engine.start(found)
        if made:
            return controllers.api_port(made[0])
        # A machine that is gone has taken its disk along; what was never started holds on to it.
        for found in controllers.of_lab(self._engine, spec.name):
            self._engine.remove(found)
        self._engine.remove_volume(names.state(spec.name))
        self._report(f'starting the controller "{spec.controller}" {self._version}')
        instance = names.instance_id(self._secrets.controller_model_uuid, "0")
        known_hosts = self._store.lab_dir(spec.name) / "ssh" / "known_hosts"
        provision.pin_host_keys(known_hosts, {instance: self._secrets.controller_host_key.public})
        return controllers.start_on_free_port(
            self._engine, lambda port: self._controller_spec(published, port), self._port
        )

    def _controller_spec(self, published: dict[str, str], port: int) -> ContainerSpec:
        made = self._secrets
        conf = machines.controller_agent_conf(
            controller_uuid=made.controller_uuid,
            model_uuid=made.controller_model_uuid,
            version=str(self._spec.agent_version),
            nonce=made.machine_nonce,
            password=made.machine_password,
            ca_cert=made.ca.certificate,
        )
        files = machines.first_boot(
            agent_conf=conf,
            binary=published["binary"],
            sha256=published["sha256"],
            size=int(published["size"]),
            urls=[f"{STREAMS_URL}/{published['path']}"],
            ca_cert=made.ca.certificate,
            host_key=made.controller_host_key,
            authorized_key=made.ssh_key.public,
        )
        params = json.dumps(self._bootstrap_params(published, port), indent=1)
        return controllers.container_spec(
            self._spec.name,
            self._spec.controller,
            made.controller_model_uuid,
            "0",
            port,
            (*files, File(f"{machines.SEED_DIR}/bootstrap-params", params)),
            host.machine_run_kwargs(self._engine.client.info()),
        )

    def _bootstrap_params(self, published: dict[str, str], port: int) -> dict[str, object]:
        spec, made = self._spec, self._secrets
        return {
            "controller-uuid": made.controller_uuid,
            "controller-name": spec.controller,
            "controller-model-uuid": made.controller_model_uuid,
            "cloud": CLOUD,
            "region": spec.name,
            "ca-cert": made.ca.certificate,
            "controller-cert": made.controller_cert.certificate,
            "controller-key": made.controller_cert.key,
            "admin-password": made.admin_password,
            "orchestrator-password": made.orchestrator_password,
            "machine-password": made.machine_password,
            "machine-nonce": made.machine_nonce,
            "instance-id": names.instance_id(made.controller_model_uuid, "0"),
            "host-key": " ".join(made.controller_host_key.public.split()[:2]),
            "series": self._series,
            "arch": machines.host_arch(),
            "agent-version": str(self._version),
            "agent-stream": "released",
            "api-endpoints": [f"127.0.0.1:{port}"],
            "streams-url": STREAMS_URL,
            "streams-key": published["public-key"],
            "authorized-keys": made.ssh_key.public,
        }

    def _connect(self, endpoint: str, model: str | None = None) -> Client:
        return admin_client(endpoint, self._secrets, model, self._deadline)

    def _register(self, client: Client, endpoint: str) -> None:
        spec, made = self._spec, self._secrets
        self._store.add_region(CLOUD, spec.name)
        if spec.controller not in self._store.controllers():
            self._store.add_controller(
                spec.controller,
                uuid=made.controller_uuid,
                endpoints=[endpoint],
                ca_cert=made.ca.certificate,
                cloud=CLOUD,
                region=spec.name,
                agent_version=str(spec.agent_version),
                user="admin",
                password=made.admin_password,
            )
        if client.login is None or client.login.raw.get("controller-tag") != f"controller-{made.controller_uuid}":
            raise JujulabError(f'what answers at {endpoint} is not the controller of lab "{spec.name}"')

    def _orchestrator(self) -> None:
        lab, made = self._spec.name, self._secrets
        config = {
            "api": [f"controller:{API_PORT}"],
            "ca-cert": made.ca.certificate,
            "tag": "orchestrator-0",
            "password": made.orchestrator_password,
            "deadlines": {key.replace("-", "_"): seconds for key, seconds in self._spec.deadlines.items()},
        }
        self._engine.ensure_started(
            ContainerSpec(
                name=names.container(lab, names.ORCHESTRATOR),
                image=images.image_tag("orchestrator"),
                hostname=names.ORCHESTRATOR,
                labels=names.labels(lab, names.ORCHESTRATOR),
                networks={names.network(lab): (names.ORCHESTRATOR,)},
                files=(
                    File("/etc/jujulab/orchestrator.json", json.dumps(config)),
                    File("/etc/jujulab/id_ed25519", made.ssh_key.private),
                ),
                # It is crash-only: whatever ends it, it starts again and goes on from what the machines say.
                run={"init": True},
            )
        )

    def _configure(self, client: Client, endpoint: str) -> None:
        spec = self._spec
        if spec.controller_settings:
            client.call("Controller", "ConfigSet", {"config": spec.controller_settings})
        if spec.model_settings:
            with closing(self._connect(endpoint, self._secrets.controller_model_uuid)) as connection:
                connection.call("ModelConfig", "ModelSet", {"config": spec.model_settings})

    def _more_controllers(self, client: Client) -> None:
        wanted, made = self._spec.controllers, self._secrets
        model = {"entities": [{"tag": f"model-{made.controller_model_uuid}"}]}
        known = check(client.call("ModelManager", "ModelInfo", model)["results"][0])["result"]["machines"]
        if sum(bool(machine["wants-vote"]) for machine in known) < wanted:
            answer = client.call("HighAvailability", "EnableHA", {"specs": [{"num-controllers": wanted}]})
            check(answer["results"][0])

    def _models(self, client: Client) -> dict[str, str]:
        spec = self._spec
        there = _models_by_name(client)
        for model in spec.models:
            if model.name not in there:
                self._report(f'adding the model "{model.name}" {model.agent_version}')
                client.call(
                    "ModelManager",
                    "CreateModel",
                    {
                        "name": model.name,
                        "owner-tag": "user-admin",
                        "cloud-tag": f"cloud-{CLOUD}",
                        "region": spec.name,
                        "config": {"agent-version": str(model.agent_version), "default-series": model.series},
                    },
                )
        there = _models_by_name(client)
        self._store.set_models(spec.controller, {f"admin/{name}": uuid for name, uuid in there.items()})
        if self._store.current_model(spec.controller) is None:
            first = next((model.name for model in spec.models), "controller")
            self._store.switch(spec.controller, f"admin/{first}")
        return there


def _models_by_name(client: Client) -> dict[str, str]:
    answer = client.call("ModelManager", "ListModels", {"tag": "user-admin"})
    return {entry["model"]["name"]: entry["model"]["uuid"] for entry in answer["user-models"]}
