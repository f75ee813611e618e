"""Installs and removes the agents of the units that the controller places on this machine."""

from __future__ import annotations

import os
from typing import Any

from jujulab_agent import systemd, workload
from jujulab_agent.host import Host, replace_link, save_conf, sync_directory
from jujulab_agent.logs import LOG
from jujulab_agent.session import Session
from jujulab_core.agentconf import Value
from jujulab_core.errors import RpcError
from jujulab_core.layout import LOG_DIR, agent_conf, agent_dir, agent_service, tools_link
from jujulab_core.rpc import Client, only_result
from jujulab_core.tags import split_tag, unit_tag

_MODULE = "juju.worker.deployer"


class Deployer:
    """A machine agent's worker. Killed at any point, the next run does what is left to do."""

    def __init__(self, host: Host, conf: dict[str, Value], session: Session) -> None:
        self._host = host
        self._conf = conf
        self._session = session

    def run(self) -> None:
        """Follows the machine's units for as long as the connection lives.

        Raises:
            ConnectionLost: It ended.
            JujulabError: A unit could not be installed or removed.
        """
        client = self._session.client()
        watch = only_result(client.call("Deployer", "WatchUnits", {"entities": [{"tag": self._host.tag}]}))
        # Units that were removed while nobody was looking are known from the disk only.
        names = set(watch.get("changes") or ()) | self._deployed()
        while True:
            for name in sorted(names):
                self._settle(client, name)
            following = client.call("StringsWatcher", "Next", id=watch["watcher-id"], timeout=None)
            names = set(following.get("changes") or ())

    def _deployed(self) -> set[str]:
        agents = os.listdir(f"{self._host.data_dir}/agents")
        return {split_tag(name)[1] for name in agents if name.startswith("unit-")}

    def _settle(self, client: Client, unit_name: str) -> None:
        tag = unit_tag(unit_name)
        life = self._life(client, tag)
        if life == "dead":
            if os.path.lexists(agent_dir(self._host.data_dir, tag)):
                LOG.info(_MODULE, f'removing unit "{unit_name}"')
                self._remove(tag, unit_name)
        elif life == "alive" and not systemd.is_installed(agent_service(tag)):
            LOG.info(_MODULE, f'deploying unit "{unit_name}"')
            self._install(client, tag, unit_name)

    def _life(self, client: Client, tag: str) -> str:
        try:
            return str(only_result(client.call("Deployer", "Life", {"entities": [{"tag": tag}]}))["life"])
        except RpcError as error:
            if error.code in ("not found", "unauthorized access"):
                return "dead"  # Juju's way of saying that this machine has no such unit.
            raise

    def _install(self, client: Client, tag: str, unit_name: str) -> None:
        data_dir = self._host.data_dir
        if not os.path.exists(agent_conf(data_dir, tag)):
            # Told before it is written: a password that nobody has written down is replaced by the next one.
            password = _new_password()
            change = {"tag": tag, "password": password}
            only_result(client.call("Deployer", "SetPasswords", {"changes": [change]}))
            os.makedirs(agent_dir(data_dir, tag), 0o755, exist_ok=True)
            save_conf(data_dir, tag, self._unit_conf(tag, password))
            sync_directory(f"{data_dir}/agents")
        if not os.path.lexists(tools_link(data_dir, tag)):
            replace_link(self._host.directory, tools_link(data_dir, tag))
        systemd.install_agent(
            agent_service(tag),
            tag,
            data_dir,
            f"unit --data-dir '{data_dir}' --unit-name {unit_name} --debug",
            f"{LOG_DIR}/{tag}.log",
            self._host.version,
        )

    def _unit_conf(self, tag: str, password: str) -> dict[str, Value]:
        shared = ("datadir", "logdir", "cacert", "controller", "model", "apiaddresses", "loggingconfig")
        conf: dict[str, Any] = {"tag": tag}
        conf |= {key: self._conf[key] for key in shared if key in self._conf}
        # A new unit is as far as its machine; it has nothing to upgrade from.
        return conf | {"upgradedToVersion": str(self._host.version), "apipassword": password, "values": {}}

    def _remove(self, tag: str, unit_name: str) -> None:
        import shutil

        systemd.remove(agent_service(tag))
        workload.remove(unit_name)
        link = tools_link(self._host.data_dir, tag)
        if os.path.lexists(link):
            os.unlink(link)
        # Last: as long as it is there, the removal is known not to be complete.
        shutil.rmtree(agent_dir(self._host.data_dir, tag))


def _new_password() -> str:
    import secrets

    return secrets.token_urlsafe(18)
