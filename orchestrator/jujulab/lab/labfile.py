"""The lab file: what a lab shall look like.

Reading is strict: an unknown key, a wrong type or an impossible value is named with its line and its key, and
nothing is made.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import yaml

from jujulab.lab.labspec import ApplicationSpec, LabSpec, ModelSpec, UserSpec, default_series
from jujulab.lab.names import check_name
from jujulab.rollout.acts import Limits
from jujulab_core import controllersettings, rollout, tags
from jujulab_core.errors import JujulabError, UsageError
from jujulab_core.rules import ha
from jujulab_core.simplestreams import check_stream
from jujulab_core.version import Number

_T = TypeVar("_T")

STREAM_NAMES = ("released", "proposed", "devel", "testing")
MODEL_LEVELS = ("read", "write", "admin")
DEADLINES = {limit.name.replace("_", "-") for limit in fields(Limits)}
CONTROLLER = {"name", "agent-version", "api-port", "config", "machines"}
CONTROLLER_LEVELS = ("login", "superuser")
DEFAULT_VERSION = "2.6.4"
# Of a lab for which nobody says how many.
_MACHINES = 3


def from_flags(name: str, controller: str, version: str, machines: int | None, units: int) -> LabSpec:
    """The lab that ``up`` makes without a file: a model ``default`` and, with units, an application ``ubuntu``.

    Args:
        name: The lab's.
        controller: Its controller's name; empty for the lab's.
        version: What it starts on.
        machines: How many; None for those that are there, and for the usual number in a new lab.
        units: How many.
    """
    number = Number.parse(version)
    applications = (ApplicationSpec("ubuntu", units),) if units else ()
    count = max(_MACHINES if machines is None else machines, 1 if units else 0)
    model = ModelSpec("default", number, count, default_series(number), applications, keeps_machines=machines is None)
    return LabSpec(check_name(name), check_name(controller or name, "controller name"), number, models=(model,))


def for_bootstrap(name: str, controller: str, version: Number, config: Mapping[str, str]) -> LabSpec:
    """The lab that ``bootstrap`` makes: a controller, and a model ``default`` without machines.

    Raises:
        UsageError: A name is not one, or something in the configuration cannot be set.
    """
    return LabSpec(
        check_name(name),
        check_name(controller, "controller name"),
        version,
        streams={config["agent-stream"]: (version,)} if config.get("agent-stream") else {},
        models=(ModelSpec("default", version, 0, default_series(version)),),
        config=check_config(config),
    )


def check_config(config: Mapping[str, str]) -> Mapping[str, str]:
    """Checks, before anything is made, what can be known of a controller's configuration without it.

    Raises:
        UsageError: A key cannot be set like this, or not to this value.
    """
    for key, value in config.items():
        if key == "agent-version":
            raise UsageError("agent-version is not set by configuration", next_step="use --agent-version")
        try:
            if key in controllersettings.KEYS:
                controllersettings.check({key: value})
            elif key == "agent-stream":
                check_stream(value)
        except JujulabError as error:
            raise UsageError(str(error)) from error
    return config


def read(path: Path) -> LabSpec:
    """Reads a lab file.

    Raises:
        UsageError: It cannot be read, or something in it is wrong; the message names the line and the key.
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the lab file {path}: {getattr(error, 'strerror', 'not UTF-8 text')}") from error
    return parse(text, str(path))


def parse(text: str, source: str) -> LabSpec:
    """Reads a lab file's text; `source` is its name in messages. Raises as :func:`read` does."""
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else "somewhere"
        problem = getattr(error, "problem", None) or "it is not YAML"
        raise UsageError(f"{source}, {where}: {problem}") from error
    if root is None:
        raise UsageError(f"{source} is empty: a lab file needs at least 'lab: NAME'")
    return _Reader(source).lab(root)


class _Loader(yaml.SafeLoader):
    """Takes only `true` and `false` for booleans, as YAML 1.2 does: `on` is a key of checks, and `no` a name."""


_BOOLEAN = "tag:yaml.org,2002:bool"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _BOOLEAN or first in "tTfF"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _plain(node: yaml.Node) -> Any:
    """What a node holds, as plain data."""
    return yaml.constructor.SafeConstructor().construct_document(node)


class _Reader:
    """Walks the YAML nodes, which know their lines."""

    def __init__(self, source: str) -> None:
        self._source = source

    def lab(self, root: yaml.Node) -> LabSpec:
        top = self._map(root, "", {"lab", "controller", "streams", "models", "users", "rollout", "deadlines"})
        if "lab" not in top:
            raise self._wrong(root, "lab", "is missing: it names the lab")
        name = self._checked(top["lab"], "lab", check_name)
        deadlines = self._map(top.get("deadlines"), "deadlines", DEADLINES)
        controller = self._map(top.get("controller"), "controller", CONTROLLER)
        version = Number.parse(DEFAULT_VERSION)
        if "agent-version" in controller:
            version = self._checked(controller["agent-version"], "controller.agent-version", Number.parse)
        spec = LabSpec(
            name=name,
            controller=self._checked(
                controller.get("name"),
                "controller.name",
                lambda text: check_name(text, "controller name"),
                name,
            ),
            agent_version=version,
            controllers=self._controllers(controller.get("machines")),
            api_port=self._count(controller.get("api-port"), "controller.api-port", 0, 65535),
            streams=self._streams(top.get("streams")),
            models=self._models(top.get("models"), version),
            rollout=self._rollout(top.get("rollout")),
            users=self._users(top.get("users"), top.get("models")),
            deadlines={name: self._count(value, f"deadlines.{name}", 1, 86400) for name, value in deadlines.items()},
            config=self._config(controller.get("config")),
        )
        self._consistent(spec, top.get("models"))
        return spec

    def _controllers(self, node: yaml.Node | None) -> int:
        count = self._count(node, "controller.machines", 1, ha.MOST, 1)
        if node is not None and (refusal := ha.refusal(0, count)):
            raise self._wrong(node, "controller.machines", f"is {count}: {refusal.message}")
        return count

    def _config(self, node: yaml.Node | None) -> dict[str, str]:
        config = {}
        for key, value in self._map(node, "controller.config").items():
            config[key] = self._checked(value, f"controller.config.{key}", str)
            try:
                check_config({key: config[key]})
            except UsageError as error:
                raise self._wrong(value, f"controller.config.{key}", f"cannot be set: {error}") from error
        return config

    def _streams(self, node: yaml.Node | None) -> dict[str, tuple[Number, ...]]:
        streams = {}
        for name, versions in self._map(node, "streams", set(STREAM_NAMES)).items():
            key = f"streams.{name}"
            streams[name] = tuple(
                self._checked(item, f"{key}[{at}]", Number.parse) for at, item in enumerate(self._list(versions, key))
            )
        return streams

    def _rollout(self, node: yaml.Node | None) -> dict[str, str]:
        options = {}
        for key, value in self._map(node, "rollout", set(rollout.DEFAULTS)).items():
            try:
                read = rollout.checked(key, _plain(value), f"rollout.{key}")
            except UsageError as error:
                raise self._wrong(value, "", str(error)) from error
            options[key] = json.dumps(read) if key == "checks" else str(read).lower()
        return options

    def _models(self, node: yaml.Node | None, version: Number) -> tuple[ModelSpec, ...]:
        models = []
        for name, value in self._map(node, "models").items():
            key = f"models.{name}"
            if name == "controller":
                raise self._wrong(value, key, "cannot be described: the model 'controller' is always there")
            if not tags.MODEL_RE.fullmatch(name):
                raise self._wrong(value, key, "is not a valid model name: use a-z, 0-9 and '-'")
            entry = self._map(value, key, {"agent-version", "machines", "applications", "series"})
            series = self._checked(entry.get("series"), f"{key}.series", str, default_series(version))
            machines = entry.get("machines")
            if isinstance(machines, yaml.MappingNode):
                group = self._map(machines, f"{key}.machines", {"count", "series"})
                count = self._count(group.get("count"), f"{key}.machines.count", 0, 1000)
                series = self._checked(group.get("series"), f"{key}.machines.series", str, series)
            else:
                count = self._count(machines, f"{key}.machines", 0, 1000)
            models.append(
                ModelSpec(
                    name=name,
                    agent_version=self._checked(
                        entry.get("agent-version"), f"{key}.agent-version", Number.parse, version
                    ),
                    machines=count,
                    series=series,
                    applications=self._applications(entry.get("applications"), key),
                )
            )
        return tuple(models)

    def _applications(self, node: yaml.Node | None, model_key: str) -> tuple[ApplicationSpec, ...]:
        applications = []
        for name, value in self._map(node, f"{model_key}.applications").items():
            key = f"{model_key}.applications.{name}"
            if not tags.APPLICATION_RE.fullmatch(name):
                raise self._wrong(value, key, "is not a valid application name")
            entry = self._map(value, key, {"units", "subordinates", "charm"})
            subordinates = tuple(
                self._checked(item, f"{key}.subordinates[{at}]", self._application_name)
                for at, item in enumerate(self._list(entry.get("subordinates"), f"{key}.subordinates"))
            )
            units = self._count(entry.get("units"), f"{key}.units", 0, 1000, default=1)
            charm = self._checked(entry.get("charm"), f"{key}.charm", str, "")
            applications.append(ApplicationSpec(name, units, subordinates, charm))
        return tuple(applications)

    def _users(self, node: yaml.Node | None, models: yaml.Node | None) -> tuple[UserSpec, ...]:
        there = {"controller", *self._map(models, "models")}
        users = []
        for name, value in self._map(node, "users").items():
            key = f"users.{name}"
            if not tags.USER_RE.fullmatch(name):
                raise self._wrong(value, key, "is not a valid user name")
            if name.lower() == "admin":
                raise self._wrong(value, key, "cannot be described: the user 'admin' is always there")
            entry = self._map(value, key, {"controller", "models"})
            rights = {}
            for model, right in self._map(entry.get("models"), f"{key}.models").items():
                if model not in there:
                    raise self._wrong(right, f"{key}.models.{model}", "is not a model of this lab")
                rights[model] = self._one_of(right, f"{key}.models.{model}", MODEL_LEVELS)
            own = entry.get("controller")
            level = "login" if own is None else self._one_of(own, f"{key}.controller", CONTROLLER_LEVELS)
            users.append(UserSpec(name, level, rights))
        return tuple(users)

    def _one_of(self, node: yaml.Node, key: str, known: tuple[str, ...]) -> str:
        text = self._checked(node, key, str)
        if text not in known:
            raise self._wrong(node, key, f'is "{text}"; it is one of {", ".join(known)}')
        return text

    def _consistent(self, spec: LabSpec, node: yaml.Node | None) -> None:
        names = self._map(node, "models")
        for model in spec.models:
            key = f"models.{model.name}"
            if model.agent_version > spec.agent_version:
                raise self._wrong(
                    names[model.name],
                    f"{key}.agent-version",
                    f"is {model.agent_version}, above the controller's {spec.agent_version}",
                )
            if not model.machines and any(application.units for application in model.applications):
                raise self._wrong(names[model.name], f"{key}.machines", "is 0, but there are units to place")

    @staticmethod
    def _application_name(text: str) -> str:
        if not tags.APPLICATION_RE.fullmatch(text):
            raise UsageError("is not a valid application name")
        return text

    def _map(self, node: yaml.Node | None, key: str, known: set[str] | None = None) -> dict[str, yaml.Node]:
        if node is None or (isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null")):
            return {}
        if not isinstance(node, yaml.MappingNode):
            raise self._wrong(node, key, "must be a map of keys and values")
        found: dict[str, yaml.Node] = {}
        for name_node, value in node.value:
            name = str(name_node.value)
            full = f"{key}.{name}" if key else name
            if known is not None and name not in known:
                raise self._wrong(name_node, full, f"is not known here; known are {', '.join(sorted(known))}")
            if name in found:
                raise self._wrong(name_node, full, "is there twice")
            found[name] = value
        return found

    def _list(self, node: yaml.Node | None, key: str) -> list[yaml.Node]:
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            raise self._wrong(node, key, "must be a list, such as [2.6.4, 2.6.5]")
        return list(node.value)

    def _count(self, node: yaml.Node | None, key: str, least: int, most: int, default: int = 0) -> int:
        if node is None:
            return default
        if not isinstance(node, yaml.ScalarNode) or not str(node.value).isdigit():
            raise self._wrong(node, key, "must be a whole number")
        number = int(node.value)
        if not least <= number <= most:
            raise self._wrong(node, key, f"is {number}; allowed is {least} to {most}")
        return number

    def _checked(self, node: yaml.Node | None, key: str, convert: Callable[[str], _T], default: _T | None = None) -> _T:
        if node is None:
            if default is None:
                raise UsageError(f"{self._source}: {key} is missing")
            return default
        if not isinstance(node, yaml.ScalarNode):
            raise self._wrong(node, key, "must be a single value")
        try:
            return convert(str(node.value))
        except UsageError as error:
            raise self._wrong(node, key, str(error)) from error

    def _wrong(self, node: yaml.Node, key: str, problem: str) -> UsageError:
        line = node.start_mark.line + 1
        return UsageError(
            f"{self._source}, line {line}: {key} {problem}" if key else f"{self._source}, line {line}: {problem}"
        )
