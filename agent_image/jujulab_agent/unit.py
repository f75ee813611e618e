"""``jujud unit``: the agent of a unit."""

from __future__ import annotations

import threading

from jujulab_agent import daemon, workload
from jujulab_agent.host import Host, load_conf
from jujulab_agent.logs import LOG
from jujulab_agent.session import Session
from jujulab_agent.status import Status
from jujulab_agent.steps import UpgradeSteps
from jujulab_core.boundary import reach
from jujulab_core.errors import JujulabError
from jujulab_core.rpc import Client, only_result


def run_unit(host: Host, unit_name: str) -> None:
    """Runs the agent of a unit until SIGTERM.

    Raises:
        JujulabError: The configuration is unusable.
    """
    conf = load_conf(host)
    LOG.info("juju.cmd.jujud", f"unit agent {host.tag} start ({host.binary})")
    reach(host.data_dir, "unit-agent/started")
    upgraded = threading.Event()
    agent_status = Status("Uniter", "SetAgentStatus", host.tag)
    unit_status = Status("Uniter", "SetUnitStatus", host.tag)

    def introduce(client: Client) -> None:
        reach(host.data_dir, "unit-agent/logged-in")
        # The status before the version, for the same reason as with machines.
        agent_status.report(client)
        unit_status.report(client)
        tools = {"tag": host.tag, "tools": {"version": str(host.binary)}}
        only_result(client.call("Upgrader", "SetTools", {"agent-tools": [tools]}))
        reach(host.data_dir, "unit-agent/version-reported")

    def catch_up(client: Client) -> None:
        agent_status.catch_up(client)
        unit_status.catch_up(client)

    session = Session(host, conf, introduce, catch_up)
    steps = UpgradeSteps(host, conf, agent_status, session, f"unit {unit_name}", upgraded)
    agent_status.set(*steps.first_status())
    if workload.is_installed(unit_name):
        unit_status.set("active", "ready")
    else:
        unit_status.set("waiting", "agent initialising")

    def work() -> None:
        if not steps.completed():
            return
        # An upgrade never touches a workload that runs.
        if not workload.is_installed(unit_name):
            config = session.client().call("LabAgent", "UnitConfig", {"tag": host.tag})
            try:
                workload.install(host, unit_name, config["charm"], int(config["port"]))
            except (JujulabError, OSError):
                unit_status.set("error", 'hook failed: "install"', session)
                raise
        agent_status.set("idle", "", session)
        unit_status.set("active", "ready", session)

    def follow() -> None:
        from jujulab_agent.upgrader import next_desired_version, watch_desired_version

        # A unit stages nothing: its machine has, and shares. It only says what it is waiting for.
        client = session.client()
        watcher = watch_desired_version(client, host.tag)
        told = host.version
        while True:
            desired = next_desired_version(client, host.tag, watcher)
            if desired != told:
                LOG.info("juju.worker.upgrader", f"desired agent binary version: {desired}")
                told = desired

    daemon.run(session, {"uniter": lambda: work, "upgrader": lambda: follow})
