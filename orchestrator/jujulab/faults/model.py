"""What a fault is, and what a kind of fault must be able to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from jujulab.lab import names
from jujulab.lab.engine import Engine
from jujulab_core.errors import JujulabError, UsageError

Json = dict[str, Any]


@dataclass(frozen=True)
class Scene:
    """The lab that something is broken in.

    Attributes:
        engine: The Docker engine, the only tool that works whatever is broken.
        lab: The lab's name.
    """

    engine: Engine
    lab: str

    def name(self, role: str) -> str:
        """The name of the container with a role."""
        return names.container(self.lab, role)


@dataclass(frozen=True)
class Record:
    """A fault that is in force, or is being made or mended.

    Attributes:
        id: Its number in the lab.
        kind: ``internet-down``.
        targets: What it hits, as the user named it.
        options: How, completed with the kind's defaults.
        began: When, RFC 3339.
        state: What the kind wants to know when it mends.
    """

    id: int
    kind: str
    targets: tuple[str, ...]
    options: Mapping[str, str]
    began: str
    state: Json = field(default_factory=dict)

    def to_json(self) -> Json:
        """As the ledger keeps it."""
        return asdict(self)

    @classmethod
    def from_json(cls, entry: Json) -> Record:
        """Reads what :meth:`to_json` gave."""
        return cls(**{**entry, "targets": tuple(entry["targets"])})


Keep = Callable[[Json], None]


@dataclass(frozen=True)
class Kind:
    """A kind of fault; one module below :mod:`jujulab.faults.kinds` each.

    Attributes:
        name: ``internet-down``.
        help: One line.
        inject: Makes it. Before each change it hands what mending needs to the function that it is given, so that
            a fault cut short in the making can be mended.
        heal: Mends it; whatever is not broken (any more) is left alone.
        targets: What its targets are called, or an empty text for none.
        options: The options with their defaults; an option without a sensible default has an empty one.
    """

    name: str
    help: str
    inject: Callable[[Scene, Record, Keep], None]
    heal: Callable[[Scene, Record], None]
    targets: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    def check(self, targets: tuple[str, ...], options: Mapping[str, str]) -> dict[str, str]:
        """Checks what the user gave; returns the options in full.

        Raises:
            UsageError: A target too many or too few, or an option that this kind does not have.
        """
        if targets and not self.targets:
            raise UsageError(f"{self.name} takes no target")
        if self.targets and not targets:
            raise UsageError(f"{self.name} needs a target: {self.targets}")
        for key in options:
            if key not in self.options:
                known = ", ".join(self.options) or "none"
                raise UsageError(f'{self.name} has no option "{key}"', next_step=f"its options are: {known}")
        return {**self.options, **options}


class UnknownFaultError(JujulabError):
    """There is no fault of this number."""
