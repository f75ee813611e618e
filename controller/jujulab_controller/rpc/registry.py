"""What can be called: facades and their methods, each with the rights that it needs.

A method is a function ``async def full_status(call: Call) -> dict`` under a decorator; the facade modules
register theirs when they are imported. Which versions of a facade a controller offers is data, in
:mod:`jujulab_controller.facades.versions`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Flag, auto
from typing import TYPE_CHECKING, Any

from jujulab_controller.auth import Access
from jujulab_core.version import Number

if TYPE_CHECKING:
    from jujulab_controller.rpc.call import Call

Handler = Callable[["Call"], Awaitable[dict[str, Any]]]


class Where(Flag):
    """The kinds of connection on which a facade exists."""

    CONTROLLER = auto()
    MODEL = auto()
    BOTH = CONTROLLER | MODEL


class Who(Flag):
    """The kinds of login that may see a facade."""

    USER = auto()
    MACHINE = auto()
    UNIT = auto()
    ORCHESTRATOR = auto()
    AGENT = MACHINE | UNIT
    ANY = USER | MACHINE | UNIT | ORCHESTRATOR


@dataclass(frozen=True)
class Method:
    """One method of a facade.

    Attributes:
        handler: Does it.
        access: What a user needs for it; agents are held to their own entities by the handlers.
        since: The first controller version that has it, or None.
        until: The first controller version that has it no more, or None.
    """

    handler: Handler
    access: Access
    since: Number | None
    until: Number | None

    def exists(self, controller: Number) -> bool:
        """Whether a controller of this version has the method."""
        return (self.since is None or controller >= self.since) and (self.until is None or controller < self.until)


@dataclass(frozen=True)
class Facade:
    """A named group of methods.

    Attributes:
        name: ``Client``.
        where: On which connections.
        who: For which logins.
        methods: By name.
    """

    name: str
    where: Where
    who: Who
    methods: dict[str, Method] = field(default_factory=dict)

    def method(
        self,
        name: str,
        access: Access = Access.LOGIN,
        *,
        since: str = "",
        until: str = "",
    ) -> Callable[[Handler], Handler]:
        """Registers the decorated function; see :class:`Method` for the arguments."""

        def register(handler: Handler) -> Handler:
            self.methods[name] = Method(
                handler,
                access,
                Number.parse(since) if since else None,
                Number.parse(until) if until else None,
            )
            return handler

        return register


_facades: dict[str, Facade] = {}


def facade(name: str, where: Where, who: Who = Who.USER) -> Facade:
    """Makes and registers a facade."""
    made = _facades[name] = Facade(name, where, who)
    return made


def named(name: str) -> Facade | None:
    """The facade of this name, or None."""
    return _facades.get(name)


def everything() -> list[Facade]:
    """All facades, by name."""
    return [_facades[name] for name in sorted(_facades)]
