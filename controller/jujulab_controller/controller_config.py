"""The controller's configuration as its state keeps it: what may be changed, and the defaults of new models."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Row

from jujulab_core.controllersettings import DEFAULTS
from jujulab_core.rules.metadata import ALLOW_EXPIRED, ALLOW_OLDER, ALLOW_UNSIGNED, METADATA_KEY, Policy

# Kept beside the settings, but not one of them.
_MODEL_DEFAULTS = "model-defaults"


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
