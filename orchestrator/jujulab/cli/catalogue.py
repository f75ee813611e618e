"""The commands, known without importing any of them."""

from __future__ import annotations

import functools
import pkgutil
from typing import NamedTuple

import jujulab.cli.commands


class Entry(NamedTuple):
    """A command in the help of the program.

    Attributes:
        section: The heading it stands under.
        help: One line.
        aliases: Other names, which the help does not list.
    """

    section: str
    help: str
    aliases: tuple[str, ...] = ()


LAB = "The lab"
UPGRADES = "Upgrades"
JUJU = "Juju's own"

COMMANDS: dict[str, Entry] = {
    "doctor": Entry(LAB, "Find out whether this host can run a lab, and mend it."),
    "up": Entry(LAB, "Make the lab that a file or the options describe."),
    "down": Entry(LAB, "Remove a lab: containers, networks, volumes, secrets."),
    "stop": Entry(LAB, "Stop a lab's containers and keep everything."),
    "start": Entry(LAB, "Start a stopped lab again."),
    "labs": Entry(LAB, "List the labs on this host."),
    "publish": Entry(LAB, "Build agent binaries of a version and put them on the lab's internet."),
    "fault": Entry(LAB, "Break something of the lab on purpose."),
    "faults": Entry(LAB, "List what is broken on purpose."),
    "heal": Entry(LAB, "Mend what was broken on purpose."),
    "check-history": Entry(LAB, "Hold a lab's history against what its design promises."),
    "streams": Entry(LAB, "Show what the internet offers and what the controller has cached."),
    "upgrade-controller": Entry(UPGRADES, "Upgrade Juju on a controller."),
    "upgrade-model": Entry(UPGRADES, "Upgrade Juju on all machines of a model.", ("upgrade-juju",)),
    "show-upgrade": Entry(UPGRADES, "Show one upgrade, agent by agent."),
    "pause-upgrade": Entry(UPGRADES, "Let no further machine of an upgrade start."),
    "resume-upgrade": Entry(UPGRADES, "Let a paused upgrade go on."),
    "abort-upgrade": Entry(UPGRADES, "End an upgrade before it is complete, or undo it."),
    "retry-upgrade": Entry(UPGRADES, "Try an upgrade's failed machines again."),
    "upgrades": Entry(UPGRADES, "List the upgrades of a controller."),
    "what-if": Entry(UPGRADES, "Say what an upgrade command would do, without a lab."),
    "add-machine": Entry(JUJU, "Start one or more new machines."),
    "add-model": Entry(JUJU, "Add a model to a controller."),
    "add-unit": Entry(JUJU, "Add units to a deployed application."),
    "add-user": Entry(JUJU, "Add a user to a controller."),
    "backups": Entry(JUJU, "List the backups that are kept on a controller.", ("list-backups",)),
    "bootstrap": Entry(JUJU, "Make a controller, without any machine."),
    "change-user-password": Entry(JUJU, "Change a user's password."),
    "config": Entry(JUJU, "Show or change an application's configuration."),
    "controller-config": Entry(JUJU, "Show or change a controller's configuration."),
    "controllers": Entry(JUJU, "List the controllers.", ("list-controllers",)),
    "create-backup": Entry(JUJU, "Create a backup of a controller's state."),
    "debug-log": Entry(JUJU, "Show the log of a model's agents."),
    "deploy": Entry(JUJU, "Deploy an application."),
    "destroy-model": Entry(JUJU, "Remove a model and everything in it."),
    "disable-command": Entry(JUJU, "Protect a model from changes."),
    "disable-user": Entry(JUJU, "Shut a user out of a controller."),
    "disabled-commands": Entry(JUJU, "List what a model is protected from.", ("list-disabled-commands",)),
    "download-backup": Entry(JUJU, "Download a backup that is kept on a controller."),
    "enable-command": Entry(JUJU, "Take a model's protection away."),
    "enable-ha": Entry(JUJU, "Make sure that there are enough controllers to lose one."),
    "enable-user": Entry(JUJU, "Let a user in again."),
    "grant": Entry(JUJU, "Give a user rights on models or the controller."),
    "help": Entry(JUJU, "Show help on a command, or list the commands."),
    "integrate": Entry(JUJU, "Relate two applications.", ("relate", "add-relation")),
    "login": Entry(JUJU, "Log in to a controller."),
    "logout": Entry(JUJU, "Log out of a controller."),
    "machines": Entry(JUJU, "List the machines of a model.", ("list-machines",)),
    "model-config": Entry(JUJU, "Show or change a model's configuration."),
    "model-constraints": Entry(
        JUJU, "Show the constraints that new machines of a model get.", ("get-model-constraints",)
    ),
    "model-defaults": Entry(JUJU, "Show or change what new models' configuration begins with.", ("model-default",)),
    "models": Entry(JUJU, "List the models of a controller.", ("list-models",)),
    "refresh": Entry(JUJU, "Say that a lab has no charm store to refresh an application from.", ("upgrade-charm",)),
    "register": Entry(JUJU, "Set the password of a new user and log in."),
    "remove-application": Entry(JUJU, "Remove applications from a model, with their units."),
    "remove-machine": Entry(JUJU, "Remove machines from a model."),
    "remove-relation": Entry(JUJU, "Remove the relation of two applications."),
    "remove-unit": Entry(JUJU, "Remove units from a model."),
    "resolved": Entry(JUJU, "Mark the errors of units as resolved."),
    "restore-backup": Entry(JUJU, "Put the state of a backup in place of a controller's."),
    "retry-provisioning": Entry(JUJU, "Make the containers of machines that have none."),
    "revoke": Entry(JUJU, "Take rights from a user."),
    "run": Entry(JUJU, "Run a command on machines and units.", ("exec",)),
    "scp": Entry(JUJU, "Copy files to and from machines."),
    "set-model-constraints": Entry(JUJU, "Replace the constraints that new machines of a model get."),
    "show-controller": Entry(JUJU, "Show all about controllers."),
    "show-model": Entry(JUJU, "Show all about models."),
    "show-status-log": Entry(JUJU, "Show the past statuses of a machine or unit."),
    "show-unit": Entry(JUJU, "Show all about units."),
    "ssh": Entry(JUJU, "Log in to a machine, or run a command on it."),
    "status": Entry(JUJU, "Show the machines, applications and units of a model.", ("show-status",)),
    "switch": Entry(JUJU, "Choose the current controller and model."),
    "sync-agent-binaries": Entry(
        JUJU, "Copy agent binaries to a model or a directory.", ("sync-agent-binary", "sync-tools")
    ),
    "trust": Entry(JUJU, "Give an application access to the cloud, which has no effect in a lab."),
    "users": Entry(JUJU, "List the users of a controller.", ("list-users",)),
    "version": Entry(JUJU, "Show the version of this client."),
    "whoami": Entry(JUJU, "Show the current controller, model and user."),
}

ALIASES = {alias: name for name, entry in COMMANDS.items() for alias in entry.aliases}


def module_of(name: str) -> str:
    """The name of the module with a command, below ``jujulab.cli.commands``."""
    return name.replace("-", "_")


@functools.cache
def present() -> frozenset[str]:
    """The names of the commands whose modules are installed."""
    modules = {module.name for module in pkgutil.iter_modules(jujulab.cli.commands.__path__)}
    return frozenset(name for name in COMMANDS if module_of(name) in modules)
