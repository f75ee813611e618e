"""The commands of ``jujud``."""

from __future__ import annotations

import gc
import os
import sys

from jujulab_agent import defects
from jujulab_agent.host import Host, running_binary, running_directory
from jujulab_agent.logs import LOG
from jujulab_core import layout
from jujulab_core.errors import JujulabError, UsageError
from jujulab_core.tags import MACHINE_RE, UNIT_RE, machine_tag, unit_tag

CONTROLLER_PYTHON = "/opt/jujulab/bin/python"

HELP = """\
Usage: jujud COMMAND [OPTIONS]

jujud is the agent that runs on every machine of a model.

Commands:
  machine --machine-id N     run the agent of a machine
  unit --unit-name APP/N     run the agent of a unit
  controller --machine-id N  become the API server of this controller machine
  version                    print what this jujud is: VERSION-SERIES-ARCH
  help                       print this text

Options of the first three:
  --data-dir DIR             where Juju keeps its files (default /var/lib/juju)
  --debug                    log details
"""


def main(arguments: list[str]) -> int:
    """Runs a command; returns the exit code."""
    command = arguments[0] if arguments else "help"
    try:
        if command in ("help", "--help", "-h"):
            sys.stdout.write(HELP)
        elif command in ("version", "--version"):
            sys.stdout.write(f"{running_binary(running_directory())}\n")
        elif command in ("machine", "unit", "controller"):
            _daemon(command, _options(command, arguments[1:]))
        else:
            raise UsageError(f"unrecognized command: jujud {command}", next_step="see jujud help")
    except JujulabError as error:
        sys.stderr.write(f"{error.told()}\n")
        return error.exit_code
    return 0


def _options(command: str, arguments: list[str]) -> dict[str, str]:
    known = {"--data-dir", "--unit-name" if command == "unit" else "--machine-id"}
    options = {"--data-dir": layout.DATA_DIR}
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.partition("=")
        if argument == "--debug":
            LOG.debug_enabled = True
        elif name not in known:
            raise UsageError(f"option provided but not defined: {name}")
        else:
            options[name] = value if equals else next(rest, "")
            if not options[name]:
                raise UsageError(f"option needs an argument: {name}")
    return options


def _daemon(command: str, options: dict[str, str]) -> None:
    # What importing has made stays for good: the collector need not look at it again.
    gc.freeze()
    gc.enable()
    directory = running_directory()
    binary = running_binary(directory)
    data_dir = options["--data-dir"]
    if defects.active("crash-on-start"):
        raise JujulabError(f"jujud {binary} is broken and ends (defect crash-on-start)")
    if defects.active("hang-on-start"):
        _hang()
    if command == "controller":
        # The API server is the controller's own code; the version it runs as is that of this jujud.
        python = [CONTROLLER_PYTHON, "-IsP", "-m", "jujulab_controller"]
        arguments = [*python, "--data-dir", data_dir, "--agent-version", str(binary.number)]
        arguments += ["--machine-id", options.get("--machine-id", "0")]
        os.execv(arguments[0], arguments)  # noqa: S606 - a shell would be of no use
    if command == "machine":
        from jujulab_agent.machine import run_machine

        machine_id = options.get("--machine-id", "")
        if not MACHINE_RE.fullmatch(machine_id):
            raise UsageError(f'--machine-id option must be set to a non-negative integer, not "{machine_id}"')
        run_machine(Host(machine_tag(machine_id), data_dir, directory, binary), machine_id)
    else:
        from jujulab_agent.unit import run_unit

        unit_name = options.get("--unit-name", "")
        if not UNIT_RE.fullmatch(unit_name):
            raise UsageError(f'--unit-name option expects "<service>/<n>" argument, not "{unit_name}"')
        run_unit(Host(unit_tag(unit_name), data_dir, directory, binary), unit_name)


def _hang() -> None:
    from threading import Event

    Event().wait()
