"""A model's configuration: what it sets itself, over the defaults; and what may be set."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Row

from jujulab_controller import controller_config
from jujulab_core import rollout
from jujulab_core.errors import RpcError
from jujulab_core.simplestreams import check_stream

DEFAULTS: dict[str, Any] = {
    "agent-metadata-url": "",
    "agent-stream": "released",
    "apt-ftp-proxy": "",
    "apt-http-proxy": "",
    "apt-https-proxy": "",
    "apt-no-proxy": "",
    "authorized-keys": "",
    "automatically-retry-hooks": True,
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
    "max-status-history-age": "336h",
    "max-status-history-size": "5G",
    "no-proxy": "127.0.0.1,localhost,::1",
    "provisioner-harvest-mode": "destroyed",
    "proxy-ssh": False,
    "snap-http-proxy": "",
    "snap-https-proxy": "",
    "ssl-hostname-verification": True,
    "test-mode": False,
    "update-status-hook-interval": "5m",
}
# Set when the model is made and never again.
FIXED = ("name", "type", "uuid")
NOT_SETTABLE = "agent-version cannot be changed"
# The lists of exceptions are in neither set: they have defaults.
_LEGACY_PROXIES = ("http-proxy", "https-proxy", "ftp-proxy")
_JUJU_PROXIES = ("juju-http-proxy", "juju-https-proxy", "juju-ftp-proxy")


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
    return dict(sorted(settings.items()))


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
    return checked


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
    if isinstance(value, dict | list) or value is None:
        raise RpcError(f"{key}: expected a text, a number or a truth")
    return value
