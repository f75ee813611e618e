"""A model's configuration: what it sets itself, over the defaults; and what may be set."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row

from jujulab_controller import charms, controller_config
from jujulab_controller.errors import bad_request
from jujulab_core import rollout
from jujulab_core.errors import RpcError
from jujulab_core.simplestreams import SERIES_NUMBERS, check_stream
from jujulab_core.version import Number

DEFAULTS: dict[str, Any] = {
    "agent-metadata-url": "",
    "agent-stream": "released",
    "apt-ftp-proxy": "",
    "apt-http-proxy": "",
    "apt-https-proxy": "",
    "apt-no-proxy": "",
    "authorized-keys": "",
    "automatically-retry-hooks": True,
    "default-base": "",
    "default-series": "",
    "development": False,
    "ftp-proxy": "",
    "http-proxy": "",
    "https-proxy": "",
    "image-metadata-url": "",
    "image-stream": "released",
    "juju-ftp-proxy": "",
    "juju-http-proxy": "",
    "juju-https-proxy": "",
    "juju-no-proxy": "127.0.0.1,localhost,::1",
    "logging-config": "<root>=INFO",
    "max-action-results-age": "336h",
    "max-action-results-size": "5G",
    "max-status-history-age": "336h",
    "max-status-history-size": "5G",
    "net-bond-reconfigure-delay": 17,
    "no-proxy": "127.0.0.1,localhost,::1",
    "provisioner-harvest-mode": "destroyed",
    "proxy-ssh": False,
    "snap-http-proxy": "",
    "snap-https-proxy": "",
    "ssl-hostname-verification": True,
    "test-mode": False,
    "update-status-hook-interval": "5m",
}
# What Juju calls a base from 3.1 on, and nothing else from 4.0 on. What is kept is the series.
_BASES_SINCE, _SERIES_UNTIL = Number(3, 1), Number(4, 0)
# Set when the model is made and never again.
FIXED = ("name", "type", "uuid")
NOT_SETTABLE = "agent-version cannot be changed"
# The lists of exceptions are in neither set: they have defaults.
_LEGACY_PROXIES = ("http-proxy", "https-proxy", "ftp-proxy")
_JUJU_PROXIES = ("juju-http-proxy", "juju-https-proxy", "juju-ftp-proxy")


def defaults(controller: Row[Any]) -> dict[str, Any]:
    """What a controller of this version has for settings that nobody made."""
    return {key: value for key, value in DEFAULTS.items() if key not in _unknown(controller)}


def effective(model: Row[Any], controller: Row[Any]) -> dict[str, dict[str, Any]]:
    """Every setting in force: key to ``{"value", "source"}``, by key."""
    settings = {key: {"value": value, "source": "default"} for key, value in DEFAULTS.items()}
    own = json.loads(model.config) | {
        "agent-version": model.agent_version,
        "name": model.name,
        "type": controller.cloud,
        "uuid": model.uuid,
    }
    settings |= {key: {"value": value, "source": "model"} for key, value in own.items()}
    for key, value in controller_config.model_defaults(controller).items():
        if own.get(key) == value:
            settings[key]["source"] = "controller"
    series = settings["default-series"]
    settings["default-base"] = {**series, "value": _base(str(series["value"]))}
    unknown = _unknown(controller)
    return {key: setting for key, setting in sorted(settings.items()) if key not in unknown}


def check(changes: dict[str, Any]) -> dict[str, Any]:
    """Checks settings that somebody wants to set and returns them with their right types.

    Raises:
        RpcError: A key may not be set, or not to this value.
        UsageError: A stream's name is not one, or an option of rollouts is not what it should be.
    """
    checked: dict[str, Any] = {}
    for key, value in changes.items():
        if key == "agent-version":
            raise RpcError(NOT_SETTABLE)
        if key in FIXED:
            raise RpcError(f"{key} cannot be changed")
        checked[key] = _typed(key, value)
        option = key.removeprefix(rollout.CONFIG_PREFIX)
        if option != key and option in rollout.DEFAULTS and value != "":
            rollout.checked(option, value, key)
    if checked.get("agent-stream"):
        check_stream(str(checked["agent-stream"]))
    if "default-base" in checked:
        checked["default-series"] = _series(str(checked.pop("default-base")))
    return checked


def as_kept(keys: Iterable[str]) -> list[str]:
    """The names under which settings are kept."""
    return ["default-series" if key == "default-base" else key for key in keys]


def _unknown(controller: Row[Any]) -> set[str]:
    version = Number.parse(controller.version)
    return ({"default-base"} if version < _BASES_SINCE else set()) | (
        {"default-series"} if version >= _SERIES_UNTIL else set()
    )


def _base(series: str) -> str:
    return f"ubuntu@{SERIES_NUMBERS.get(series, series)}" if series else ""


def _series(base: str) -> str:
    name, _, channel = base.partition("@")
    series = charms.series_of({"channel": channel})
    if base and (name != "ubuntu" or not series):
        raise bad_request(f'base "{base}" not valid')
    return series


def check_together(settings: dict[str, Any]) -> None:
    """Checks all that a model holds, as it would be.

    Raises:
        RpcError: Two settings exclude each other; Juju's words.
    """
    if any(settings.get(key) for key in _LEGACY_PROXIES) and any(settings.get(key) for key in _JUJU_PROXIES):
        raise RpcError("cannot specify both legacy proxy values and juju proxy values")


def _typed(key: str, value: Any) -> Any:
    default = DEFAULTS.get(key)
    if isinstance(default, bool) and not isinstance(value, bool):
        words = {"true": True, "false": False}
        if str(value).lower() not in words:
            raise RpcError(f'{key}: expected bool, got string("{value}")')
        return words[str(value).lower()]
    if type(default) is int and type(value) is not int:
        if not re.fullmatch(r"-?\d{1,9}", str(value)):
            raise RpcError(f'{key}: expected number, got string("{value}")')
        return int(value)
    if isinstance(value, dict | list) or value is None:
        raise RpcError(f"{key}: expected a text, a number or a truth")
    return value
