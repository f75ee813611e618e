"""``KEY=VALUE`` arguments, and YAML files of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jujulab_core.errors import UsageError


def parse(texts: Iterable[str]) -> dict[str, Any]:
    """Reads ``KEY=VALUE`` texts and names of YAML files; what comes later wins.

    Raises:
        UsageError: A text is neither, or a file does not hold a map.
    """
    values: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if equals and key:
            values[key] = value
        else:
            values |= _from_file(Path(text))
    return values


def _from_file(path: Path) -> dict[str, Any]:
    import yaml

    try:
        content = yaml.safe_load(path.read_text())
    except OSError as error:
        raise UsageError(f'expected "KEY=VALUE" or a YAML file, got "{path}": {error.strerror}') from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise UsageError(f"cannot read {path}: it does not hold a map of keys and values")
    return content
