"""Services of agents, in the layout of the version that installs them (section H).

Up to Juju 2.7.1 a service's files are in a directory of its own under ``/lib/systemd/system``, linked into
``/etc/systemd/system``; from 2.7.2 on they are in the latter. Where Juju has a symbolic link there is a hard one
here: today's systemd does not follow one that leads to another directory below ``/lib/systemd/system``.
"""

from __future__ import annotations

import os

from jujulab_agent.host import replace_link, sync_directory, write_file
from jujulab_core.errors import JujulabError
from jujulab_core.layout import tools_link
from jujulab_core.version import Number

ETC = "/etc/systemd/system"
LIB = "/lib/systemd/system"
_FIRST_IN_ETC = Number(2, 7, 2)
_TIMEOUT_SECONDS = 90

_AGENT_UNIT = """\
[Unit]
Description=juju agent for {tag}
After=syslog.target
After=network.target
After=systemd-user-sessions.service

[Service]
LimitNOFILE=64000
ExecStart={script}
Restart=on-failure
TimeoutSec=300

[Install]
WantedBy=multi-user.target
"""

_AGENT_SCRIPT = """\
#!/bin/sh
umask 027
exec >>'{log}' 2>&1
umask 022
exec '{jujud}' {arguments}
"""


def systemctl(*arguments: str) -> None:
    """Runs ``systemctl``.

    Raises:
        JujulabError: It failed, or did not end in time.
    """
    import subprocess

    try:
        done = subprocess.run(
            ["systemctl", *arguments], capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise JujulabError(f"systemctl {' '.join(arguments)}: {error}") from error
    if done.returncode:
        raise JujulabError(f"systemctl {' '.join(arguments)} failed: {done.stderr.strip()}")


def is_installed(service: str) -> bool:
    """Whether a service was installed and started; the link that says so is made last."""
    return os.path.lexists(_wanted(service))


def install_agent(service: str, tag: str, data_dir: str, arguments: str, log: str, version: Number) -> None:
    """Installs the service of an agent where this version puts it, and starts it.

    Args:
        service: Such as ``jujud-unit-ubuntu-0``.
        tag: Such as ``unit-ubuntu-0``.
        data_dir: Such as ``/var/lib/juju``.
        arguments: Those of its ``jujud``, quoted for a shell.
        log: The file that its output is appended to.
        version: The version that installs it.
    """
    if version < _FIRST_IN_ETC:
        directory = f"{LIB}/{service}"
        os.makedirs(directory, exist_ok=True)
        unit, script = f"{directory}/{service}.service", f"{directory}/exec-start.sh"
    else:
        unit, script = f"{ETC}/{service}.service", f"{ETC}/{service}-exec-start.sh"
    jujud = f"{tools_link(data_dir, tag)}/jujud"
    write_file(script, _AGENT_SCRIPT.format(log=log, jujud=jujud, arguments=arguments), 0o755)
    write_file(unit, _AGENT_UNIT.format(tag=tag, script=script), 0o644)
    if version < _FIRST_IN_ETC:
        _replace_hard_link(unit, f"{ETC}/{service}.service")
    enable_and_start(service)


def enable_and_start(service: str) -> None:
    """Starts a service whose files are in place, now and at every boot."""
    systemctl("daemon-reload")
    systemctl("start", f"{service}.service")
    os.makedirs(os.path.dirname(_wanted(service)), exist_ok=True)
    replace_link(f"{ETC}/{service}.service", _wanted(service))


def remove(service: str) -> None:
    """Stops a service and removes its files; does what is left to do if it was cut off before."""
    import shutil

    unit = f"{ETC}/{service}.service"
    if os.path.exists(unit):
        systemctl("stop", f"{service}.service")
    for path in (_wanted(service), unit, f"{ETC}/{service}-exec-start.sh"):
        if os.path.lexists(path):
            os.unlink(path)
    shutil.rmtree(f"{LIB}/{service}", ignore_errors=True)
    systemctl("daemon-reload")


def move_services_to_etc() -> None:
    """Moves the services of all agents from ``/lib/systemd/system`` to ``/etc/systemd/system``."""
    import shutil

    for service in sorted(os.listdir(LIB)):
        old = f"{LIB}/{service}"
        if not (service.startswith("jujud-") and os.path.isdir(old)):
            continue
        # The old files go last: cut off anywhere, the service is complete in one place or the other.
        if os.path.exists(f"{old}/{service}.service") and os.path.exists(f"{old}/exec-start.sh"):
            script = f"{ETC}/{service}-exec-start.sh"
            write_file(script, _read(f"{old}/exec-start.sh"), 0o755)
            unit = _read(f"{old}/{service}.service").replace(f"{old}/exec-start.sh", script)
            write_file(f"{ETC}/{service}.service", unit, 0o644)
        shutil.rmtree(old)
    sync_directory(LIB)
    systemctl("daemon-reload")


def _replace_hard_link(target: str, link: str) -> None:
    temporary = f"{link}~"
    if os.path.lexists(temporary):
        os.unlink(temporary)
    os.link(target, temporary)
    os.replace(temporary, link)
    # Where both names are of one file already, replacing does nothing and leaves the new name.
    if os.path.lexists(temporary):
        os.unlink(temporary)
    sync_directory(ETC)


def _wanted(service: str) -> str:
    return f"{ETC}/multi-user.target.wants/{service}.service"


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()
