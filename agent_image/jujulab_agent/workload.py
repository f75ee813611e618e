"""A unit's workload: a small web server in a service of its own, which no upgrade ever touches."""

from __future__ import annotations

import os

from jujulab_agent import systemd
from jujulab_agent.host import Host, write_file
from jujulab_agent.logs import LOG
from jujulab_core.layout import agent_dir

_UNIT = """\
[Unit]
Description=Workload of unit {unit_name}
After=network.target

[Service]
ExecStart={command}
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""

_PAGE = """\
<!doctype html>
<title>{unit_name}</title>
<p>This is {unit_name}, served by charm {charm}.
"""


def is_installed(unit_name: str) -> bool:
    """Whether the unit's workload was installed and started."""
    return systemd.is_installed(_service(unit_name))


def install(host: Host, unit_name: str, charm: str, port: int) -> None:
    """Installs and starts the workload.

    Args:
        host: The unit's agent.
        unit_name: Such as ``ubuntu/0``; the service is ``ubuntu-0.service``.
        charm: What the page says the unit runs.
        port: Where it listens.

    Raises:
        JujulabError: The service cannot be started.
    """
    service = _service(unit_name)
    pages = f"{agent_dir(host.data_dir, host.tag)}/charm/www"
    os.makedirs(pages, exist_ok=True)
    write_file(f"{pages}/index.html", _PAGE.format(unit_name=unit_name, charm=charm), 0o644)
    command = f"/usr/bin/busybox httpd -f -u nobody:nogroup -p {port} -h {pages}"
    unit = _UNIT.format(unit_name=unit_name, command=command)
    write_file(f"{systemd.ETC}/{service}.service", unit, 0o644)
    systemd.enable_and_start(service)
    LOG.info("juju.worker.uniter", f"workload {service}.service listens on port {port}")


def remove(unit_name: str) -> None:
    """Stops and removes the workload."""
    systemd.remove(_service(unit_name))


def _service(unit_name: str) -> str:
    return unit_name.replace("/", "-")
