"""The kinds of faults: every module below :mod:`jujulab.faults.kinds` has one, as ``KIND``."""

from __future__ import annotations

import functools
import importlib
import pkgutil

import jujulab.faults.kinds
from jujulab.faults.model import Kind
from jujulab_core.errors import UsageError


@functools.cache
def kinds() -> dict[str, Kind]:
    """All of them, by name."""
    found = {}
    for module in pkgutil.iter_modules(jujulab.faults.kinds.__path__):
        kind: Kind = importlib.import_module(f"{jujulab.faults.kinds.__name__}.{module.name}").KIND
        found[kind.name] = kind
    return dict(sorted(found.items()))


def find(name: str) -> Kind:
    """The kind of this name.

    Raises:
        UsageError: There is none.
    """
    if name not in kinds():
        raise UsageError(f'there is no kind of fault "{name}"', next_step=f"choose one of {', '.join(kinds())}")
    return kinds()[name]
