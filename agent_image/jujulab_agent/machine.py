"""``jujud machine``: the agent of a machine."""

from __future__ import annotations

import threading

from jujulab_agent import daemon
from jujulab_agent.addresses import machine_addresses
from jujulab_agent.daemon import Work
from jujulab_agent.host import Host, load_conf, text
from jujulab_agent.logs import LOG
from jujulab_agent.session import Session
from jujulab_agent.status import Status
from jujulab_agent.steps import UpgradeSteps
from jujulab_core.boundary import reach
from jujulab_core.rpc import Client, only_result
from jujulab_core.version import Number


def run_machine(host: Host, machine_id: str) -> None:
    """Runs the agent of a machine until SIGTERM.

    Raises:
        JujulabError: The configuration is unusable.
    """
    conf = load_conf(host)
    LOG.info("juju.cmd.jujud", f"machine agent {host.tag} start ({host.binary})")
    reach(host.data_dir, "machine-agent/started")
    upgraded = threading.Event()
    status = Status("Machiner", "SetStatus", host.tag)

    def introduce(client: Client) -> None:
        reach(host.data_dir, "machine-agent/logged-in")
        # The status first: whoever sees the new version must not take the old process's last word for the new one's.
        status.report(client)
        tools = {"tag": host.tag, "tools": {"version": str(host.binary)}}
        only_result(client.call("Upgrader", "SetTools", {"agent-tools": [tools]}))
        reach(host.data_dir, "machine-agent/version-reported")
        addresses = machine_addresses(client.local_address)
        change = {"tag": host.tag, "addresses": addresses}
        only_result(client.call("Machiner", "SetMachineAddresses", {"machine-addresses": [change]}))

    session = Session(host, conf, introduce, status.catch_up)
    steps = UpgradeSteps(host, conf, status, session, f"machine {machine_id}", upgraded)
    status.set(*steps.first_status())
    before = text(conf, "upgradedToVersion")
    previous = None if upgraded.is_set() else Number.parse(before)

    # What only works after the login is imported after it.
    def make_upgrader() -> Work:
        from jujulab_agent.upgrader import Upgrader

        return Upgrader(host, session, previous, upgraded).run

    def make_deployer() -> Work:
        from jujulab_agent.deployer import Deployer

        deployer = Deployer(host, conf, session)

        # Nothing but the upgrader works on a machine that is not fully upgraded (section G.3, step 2).
        return lambda: deployer.run() if steps.completed() else None

    daemon.run(session, {"upgrader": make_upgrader, "deployer": make_deployer})
