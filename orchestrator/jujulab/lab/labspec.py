"""What a lab shall look like, as plain data: read from a lab file, or made from a command's flags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from jujulab_core import controllersettings
from jujulab_core.version import Number


@dataclass(frozen=True)
class ApplicationSpec:
    """An application of a model: how many units, and which subordinates ride along."""

    name: str
    units: int = 1
    subordinates: tuple[str, ...] = ()
    charm: str = ""


@dataclass(frozen=True)
class ModelSpec:
    """A model: its agents' version, its machines, its applications.

    Attributes:
        name: Its name.
        agent_version: The version that a new one starts on.
        machines: How many it has at least.
        series: That of machines that are added.
        applications: What it has at least.
        keeps_machines: Nobody asked for that many machines: a model that has some stays as large as it is.
    """

    name: str
    agent_version: Number
    machines: int
    series: str
    applications: tuple[ApplicationSpec, ...] = ()
    keeps_machines: bool = False


@dataclass(frozen=True)
class UserSpec:
    """A user: the right to the controller (``login``, ``superuser``), and that to each model, by its name."""

    name: str
    controller: str = "login"
    models: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LabSpec:
    """A whole lab, as the file or the flags of ``up`` describe it.

    Attributes:
        name: The lab's name.
        controller: The controller's name; the one thing that ``-m CONTROLLER:MODEL`` knows.
        agent_version: The controller's agent version.
        controllers: How many controllers it has at least, as `enable-ha -n` takes it.
        api_port: The port on the host's loopback; 0 for the first free one from 17070 on.
        config: What ``bootstrap --config`` takes: settings of the controller, and of the models that come with it.
        streams: Versions to publish, by stream.
        models: The hosted models.
        rollout: How upgrades of the hosted models proceed unless a command says otherwise: the keys of
            `jujulab_core.rollout.DEFAULTS`, each as the text that a model's configuration keeps.
        users: The users beside ``admin``.
        deadlines: Seconds for parts of an upgrade, other than :class:`jujulab.rollout.acts.Limits` has.
    """

    name: str
    controller: str
    agent_version: Number
    controllers: int = 1
    api_port: int = 0
    streams: Mapping[str, tuple[Number, ...]] = field(default_factory=dict)
    models: tuple[ModelSpec, ...] = ()
    rollout: Mapping[str, str] = field(default_factory=dict)
    users: tuple[UserSpec, ...] = ()
    config: Mapping[str, str] = field(default_factory=dict)
    deadlines: Mapping[str, int] = field(default_factory=dict)

    @property
    def controller_settings(self) -> dict[str, str]:
        """The part of ``config`` that is the controller's own."""
        return {key: value for key, value in self.config.items() if key in controllersettings.KEYS}

    @property
    def model_settings(self) -> dict[str, str]:
        """The part of ``config`` that is the controller model's and that of the models made with it."""
        return {key: value for key, value in self.config.items() if key not in controllersettings.KEYS}

    @property
    def machine_count(self) -> int:
        """Machines of all hosted models, without the controller."""
        return sum(model.machines for model in self.models)

    def published(self) -> dict[str, tuple[Number, ...]]:
        """What the internet must offer: the file's streams, and each version that something starts on."""
        streams = {name: list(versions) for name, versions in self.streams.items()}
        listed = {version for versions in streams.values() for version in versions}
        for version in [self.agent_version, *(model.agent_version for model in self.models)]:
            if version not in listed:
                streams.setdefault("released", []).append(version)
                listed.add(version)
        return {name: tuple(sorted(versions)) for name, versions in streams.items()}


def default_series(controller: Number) -> str:
    """The Ubuntu release of machines for which nobody names another: Juju's own default in that version.

    Releases from 2.9.33 on refuse to leave for 3.x, and 3.x for later ones, with older machines (the Juju upgrade
    specification, section C.5).
    """
    if controller.major >= 3:
        return "jammy"
    return "focal" if controller >= Number(2, 9, 0) else "bionic"
