"""The controller's configuration that may be changed while it runs; all of it is ours, about whom to believe."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Row

from jujulab_core.errors import RpcError
from jujulab_core.openpgp import dearmour
from jujulab_core.rules.metadata import ALLOW_EXPIRED, ALLOW_OLDER, ALLOW_UNSIGNED, METADATA_KEY, Policy

# Kept beside the settings, but not one of them.
_MODEL_DEFAULTS = "model-defaults"

DEFAULTS: dict[str, bool] = {ALLOW_EXPIRED: False, ALLOW_OLDER: False, ALLOW_UNSIGNED: False}


def effective(controller: Row[Any]) -> dict[str, Any]:
    """Every changeable setting in force. The key is by default that of the streams the controller began with."""
    own: dict[str, Any] = json.loads(controller.config)
    own.pop(_MODEL_DEFAULTS, None)
    return DEFAULTS | {METADATA_KEY: controller.streams_key} | own


def model_defaults(controller: Row[Any]) -> dict[str, Any]:
    """What new models begin with instead of Juju's own defaults."""
    defaults: dict[str, Any] = json.loads(controller.config).get(_MODEL_DEFAULTS, {})
    return defaults


def with_model_defaults(controller: Row[Any], defaults: dict[str, Any]) -> str:
    """The controller's configuration, as it is kept, with these defaults for new models."""
    return json.dumps(json.loads(controller.config) | {_MODEL_DEFAULTS: defaults})


def policy(controller: Row[Any]) -> Policy:
    """What of the metadata the operator allows."""
    config = effective(controller)
    return Policy(unsigned=config[ALLOW_UNSIGNED], older=config[ALLOW_OLDER], expired=config[ALLOW_EXPIRED])


def check(changes: dict[str, Any]) -> dict[str, Any]:
    """Checks settings that somebody wants to change and returns them with their right types.

    Raises:
        RpcError: A key cannot be changed, or not to this value.
        VerificationError: A key of the streams is not one.
    """
    checked: dict[str, Any] = {}
    for key, value in changes.items():
        if key == METADATA_KEY:
            dearmour(str(value))
            checked[key] = str(value)
        elif key in DEFAULTS:
            words = {"true": True, "false": False}
            if str(value).lower() not in words:
                raise RpcError(f'{key}: expected bool, got string("{value}")')
            checked[key] = words[str(value).lower()]
        else:
            raise RpcError(f'can not change "{key}" after bootstrap')
    return checked
