"""YAML as Juju's commands write it: block style, keys in the order given, literal blocks."""

from __future__ import annotations

from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    def choose_scalar_style(self) -> Any:
        # Juju's library quotes with double quotes.
        style: Any = super().choose_scalar_style()
        return '"' if style == "'" else style

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def dump(value: Any) -> str:
    """Writes a data tree of maps, lists and scalars, or a scalar alone."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)
    # A document that is but a word would end with a line of its own, which Juju's library does not write.
    return text.removesuffix("...\n")
