"""What a fault is, and what a kind of fault must be able to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from docker.models.containers import Container

from jujulab.faults.targets import Scope, Target
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

    def all_of(self, role: str) -> list[Container]:
        """The containers with a role; more than one where there are several controllers."""
        return self.engine.containers(self.lab, role)


@dataclass(frozen=True)
class Record:
    """A fault that is in force, or is being made or mended.

    Attributes:
        id: Its number in the lab.
        kind: ``internet-down``.
        targets: What it hits, by the full name: ``default:machine-2``.
        options: How, completed with the kind's defaults.
        began: When, RFC 3339.
        until: When it is to be mended by itself, RFC 3339; empty for never.
        did: What was done, a line for each target.
        on: What the targets stand for, by their names; where the kind hits parts of the lab.
        state: What the kind wants to know when it mends.
    """

    id: int
    kind: str
    targets: tuple[str, ...]
    options: Mapping[str, str]
    began: str
    until: str = ""
    did: tuple[str, ...] = ()
    on: Mapping[str, Target] = field(default_factory=dict)
    state: Json = field(default_factory=dict)

    def to_json(self) -> Json:
        """As the ledger keeps it."""
        return asdict(self)

    @classmethod
    def from_json(cls, entry: Json) -> Record:
        """Reads what :meth:`to_json` gave."""
        on = {name: Target(**target) for name, target in entry["on"].items()}
        return cls(**{**entry, "targets": tuple(entry["targets"]), "did": tuple(entry["did"]), "on": on})

    def __str__(self) -> str:
        return f"{self.kind} {', '.join(self.targets)}".rstrip()


Keep = Callable[[Json], None]


def _any_options(_: Mapping[str, str]) -> None:
    """Stands in where every value will do."""


@dataclass(frozen=True)
class Kind:
    """A kind of fault; one module below :mod:`jujulab.faults.kinds` each.

    Attributes:
        name: ``internet-down``.
        help: One line.
        inject: Makes it, and says what it did, a line for each target. Before each change it hands what mending needs
            to the function that it is given, so that a fault cut short in the making can be mended.
        heal: Mends it; whatever is not broken (any more) is left alone.
        targets: What its targets are called, where they are not parts of the lab; an empty text for none.
        scopes: Which parts of the lab it can hit; one is assumed where there is no choice.
        options: The options with their defaults; an option without a sensible default has an empty one.
        allowed: The values that an option may have, where they are few.
        check_options: Refuses values that cannot be, with a UsageError.
        again: Makes it once more after the lab was stopped and started, where that has lifted it.
        at_once: It is over when it is made: nothing is to be mended.
        stacks: It may be made on a target that has it already, with other options.
        stops: It keeps its target from running.
    """

    name: str
    help: str
    inject: Callable[[Scene, Record, Keep], tuple[str, ...]]
    heal: Callable[[Scene, Record], None]
    targets: str = ""
    scopes: frozenset[Scope] = frozenset()
    options: Mapping[str, str] = field(default_factory=dict)
    allowed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    check_options: Callable[[Mapping[str, str]], None] = _any_options
    again: Callable[[Scene, Record], None] | None = None
    at_once: bool = False
    stacks: bool = False
    stops: bool = False

    @property
    def takes(self) -> str:
        """What its targets are called; an empty text for none."""
        return self.targets or ", ".join(scope.value for scope in Scope if scope in self.scopes)

    @property
    def explanation(self) -> str:
        """What it does, what it takes and its options, in one paragraph."""
        said = [self.help]
        if self.takes:
            said.append(f"Targets: {self.takes}.")
        if self.options:
            said.append(f"Options: {', '.join(self.choices)}.")
        return " ".join(said)

    @property
    def choices(self) -> list[str]:
        """The options with their defaults and what else they may be: ``hold=no or yes``."""
        found = []
        for key, default in self.options.items():
            values = [value for value in self.allowed.get(key, (default,)) if value]
            first = [default] if default in values else []
            found.append(f"{key}={' or '.join([*first, *(value for value in values if value != default)])}")
        return found

    def check(self, targets: tuple[str, ...], options: Mapping[str, str]) -> dict[str, str]:
        """Checks what the user gave; returns the options in full.

        Raises:
            UsageError: A target too many or too few, an option that this kind does not have, or a value that it cannot
                have.
        """
        if targets and not self.takes:
            raise UsageError(f"{self.name} takes no target")
        if not targets and self.takes and self.only_target is None:
            raise UsageError(f"{self.name} needs a target: {self.takes}")
        for key in options:
            if key not in self.options:
                known = ", ".join(self.options) or "none"
                raise UsageError(f'{self.name} has no option "{key}"', next_step=f"its options are: {known}")
        full = {**self.options, **options}
        for key, values in self.allowed.items():
            if full[key] not in values:
                raise UsageError(
                    f'{self.name} cannot do {key}="{full[key]}"', next_step=f"choose one of: {', '.join(values)}"
                )
        self.check_options(full)
        return full

    @property
    def only_target(self) -> str | None:
        """The one part of the lab that it can hit, where there is only one: ``controller`` or ``orchestrator``."""
        return str(*self.scopes) if self.scopes in ({Scope.CONTROLLER}, {Scope.ORCHESTRATOR}) else None


class UnknownFaultError(JujulabError):
    """There is no fault of this number."""
