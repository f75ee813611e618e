"""The settings of a controller that may be changed while it runs; all of them are ours, about whom to believe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jujulab_core.errors import UsageError
from jujulab_core.openpgp import dearmour
from jujulab_core.rules.metadata import ALLOW_EXPIRED, ALLOW_OLDER, ALLOW_UNSIGNED, METADATA_KEY

DEFAULTS: dict[str, bool] = {ALLOW_EXPIRED: False, ALLOW_OLDER: False, ALLOW_UNSIGNED: False}
KEYS = frozenset({METADATA_KEY, *DEFAULTS})


def check(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Checks settings that somebody wants to change and returns them with their right types.

    Raises:
        UsageError: A key cannot be changed, or not to this value.
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
                raise UsageError(f'{key}: expected bool, got string("{value}")')
            checked[key] = words[str(value).lower()]
        else:
            raise UsageError(f'can not change "{key}" after bootstrap')
    return checked
