"""What the server's rules are told, and the refusal that they answer with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from jujulab_core.version import Number

# Juju's error codes (the wire format, section 7).
ALREADY_EXISTS = "already exists"
BLOCKED = "operation is blocked"
IN_PROGRESS = "upgrade in progress"
NOT_FOUND = "not found"
NOT_SUPPORTED = "not supported"
NOT_VALID = "not valid"
UNAUTHORIZED = "unauthorized access"

ModelAccess = Literal["", "read", "write", "admin"]
MigrationMode = Literal["", "exporting", "importing"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """The server says no.

    Attributes:
        message: Juju's words. On the wire message and code are apart.
        code: Juju's error code, or an empty string.
        rule: The rule that decided, with its section; for people, never on the wire.
        next_step: What to do about it, where the refusal is ours and not Juju's; on the wire in the error's info.
    """

    message: str
    code: str = ""
    rule: str = ""
    next_step: str = ""

    @property
    def text(self) -> str:
        """What a client prints after ``ERROR `` (section D.2: coded errors print as ``MESSAGE (CODE)``)."""
        return f"{self.message} ({self.code})" if self.code else self.message


@dataclass(frozen=True, slots=True)
class DatabaseMember:
    """One member of the controllers' database.

    Attributes:
        id: The member's number in the replica set, as text.
        address: ``10.0.0.1:37017``.
        state: ``PRIMARY``, ``SECONDARY``, ``DOWN``, ...
        healthy: Whether it takes part.
    """

    id: str
    address: str
    state: str
    healthy: bool


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the rules want to know about one model.

    Attributes:
        name: ``owner/name``.
        agent_version: Its ``agent-version``.
        is_controller: Whether it is the controller model.
        alive: Whether its life is ``alive``.
        migration: Its migration mode, empty where it does not migrate.
        series_lock: Whether a machine of it holds an upgrade-series lock.
        machines_by_series: How many machines of each series it has.
        charm_store_charms: Names of its charms from the old charm store.
        lxd_version: The LXD version of its cloud, or None where its cloud is not LXD.
    """

    name: str
    agent_version: Number
    is_controller: bool = False
    alive: bool = True
    migration: MigrationMode = ""
    series_lock: bool = False
    machines_by_series: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    charm_store_charms: tuple[str, ...] = ()
    lxd_version: Number | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a server knows when it is asked to upgrade a model.

    Attributes:
        model: The model to upgrade.
        controller: The version that the controller runs.
        superuser: Whether the user has ``superuser`` on the controller.
        model_access: The user's access to the model, empty for none.
        only_admins_upgrade: Whether upgrading a hosted model takes ``admin`` on it, as Juju's manual says; Juju's code
            is content with ``write`` (section E.4).
        upgrade_mode: Whether the API is in upgrade mode (the controller has not finished its own upgrade).
        block: The message of a block ``all`` on the model, empty if none was given; None without a block.
        agents: By tag of each machine and unit agent of the model the version it last reported, None for never.
        upgrade_record: Whether the controllers' upgrade record ``current`` exists.
        hosted: All models of the controller but the controller model.
        database: The members of the controllers' database.
        mongo_version: ``4.4``, or empty where the database is not MongoDB.
        provider_error: Why the cloud's API does not answer, or empty.
        provider_precheck: Why the cloud's own check refuses, or empty.
        contention: Why the write to the database failed, or empty.
    """

    model: ModelFacts
    controller: Number
    superuser: bool = True
    model_access: ModelAccess = ""
    only_admins_upgrade: bool = False
    upgrade_mode: bool = False
    block: str | None = None
    agents: Mapping[str, Number | None] = field(default_factory=lambda: MappingProxyType({}))
    upgrade_record: bool = False
    hosted: tuple[ModelFacts, ...] = ()
    database: tuple[DatabaseMember, ...] = ()
    mongo_version: str = ""
    provider_error: str = ""
    provider_precheck: str = ""
    contention: str = ""
