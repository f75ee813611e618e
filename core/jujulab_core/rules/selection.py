"""The client's part of an upgrade: what it knows, what it does next, and the rules that all eras share.

The rules themselves are in `clientside`, whose docstring shows how a command uses them.

Source: the Juju upgrade specification, sections C.1 and C.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from jujulab_core.rules.eras import Era, Rules
from jujulab_core.rules.facts import Refusal
from jujulab_core.rules.flags import Flags
from jujulab_core.rules.texts import hint_for
from jujulab_core.version import Number

Command = Literal["upgrade-model", "upgrade-controller"]


@dataclass(frozen=True, slots=True)
class Request:
    """What the client knows before it chooses.

    Attributes:
        rules: The client's rules.
        client: The client's version.
        agent: The model's ``agent-version``, None where its config lacks it.
        is_controller_model: Whether the model is the controller model.
        flags: The command's flags.
        command: The command that was typed.
        model_stream: The model's ``agent-stream``.
        unofficial: Whether the local ``jujud`` is unofficial.
        official_local: The version of the local ``jujud`` if it is an official one, else None.
        controller_model_readable: Whether the user may see the controller model.
    """

    rules: Rules
    client: Number
    agent: Number | None
    is_controller_model: bool
    flags: Flags = field(default_factory=Flags)
    command: Command = "upgrade-model"
    model_stream: str = ""
    unofficial: bool = False
    official_local: Number | None = None
    controller_model_readable: bool = True


@dataclass(frozen=True, slots=True)
class Search:
    """Ask the controller for all agent binaries of a major version (``Client.FindTools``, any minor).

    Attributes:
        agent: The model's ``agent-version``.
        major: The major version.
        stream: The stream to search, empty for the controller's own choice.
        target: The version in force from here on (``--agent-version`` or what stands for it).
        compatibility: Whether the client is a major version ahead and only warns (step 8).
    """

    agent: Number
    major: int
    stream: str
    target: Number | None
    compatibility: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What the controller answered to a search.

    Attributes:
        versions: The versions listed, any order, repeats allowed.
        error: The controller's message (without its code) where it found nothing, else empty.
    """

    versions: Sequence[Number]
    error: str = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """What the client does next.

    Attributes:
        chosen: The version to ask the server for; None lets the server choose.
        stdout: Lines for stdout.
        info: Lines for stderr that ``--quiet`` leaves out.
        error: Lines for stderr that always show; the first begins with ``ERROR ``.
        exit_code: The command's exit code, or None to go on and ask the server.
        uploads: The version as which the local ``jujud`` is uploaded before anything is printed, or None.
        rule: The rule that decided, with its section.
    """

    chosen: Number | None = None
    stdout: tuple[str, ...] = ()
    info: tuple[str, ...] = ()
    error: tuple[str, ...] = ()
    exit_code: int | None = None
    uploads: Number | None = None
    rule: str = ""

    def stderr(self, *, quiet: bool = False) -> tuple[str, ...]:
        """The lines for stderr."""
        return self.error if quiet else (*self.info, *self.error)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered to ``SetModelAgentVersion`` or ``UpgradeModel``.

    Attributes:
        chosen: The version it will be, or would be in a dry run; None with a refusal.
        refusal: Why not, or None.
        in_result: Whether the refusal comes inside the result (`UpgradeModel`) and not as the frame's error.
        rule: The rule that chose the version; for people, never on the wire.
    """

    chosen: Number | None = None
    refusal: Refusal | None = None
    in_result: bool = False
    rule: str = ""


def newest_step(agent: Number, versions: Iterable[Number]) -> tuple[Number, str] | None:
    """The version taken where none is asked for, and why (section C.1, step 11); None where there is none.

    The newest of the next minor version, tagged ones included; else the newest of the same minor version that is
    not below the agent's.
    """
    listed = [version for version in versions if version.major == agent.major]
    following = [version for version in listed if version.minor == agent.minor + 1]
    if following:
        return max(following), "C.1 step 11: the newest version of the next minor version"
    same = [version for version in listed if version.minor == agent.minor and version >= agent]
    if same:
        return max(same), "C.1 step 11: nothing of the next minor version, so the newest of the same"
    return None


def upload_version(wanted: Number, agent: Number, listed: Iterable[Number]) -> Number:
    """The version as which a local ``jujud`` is uploaded (section C.1, step 12).

    The wanted one with the next build number; counted on from the agent's where both are of one patch; above every
    listed build of the same major, minor and patch.
    """
    base = wanted.without_build()
    if base == agent.without_build():
        base = agent
    patch = (base.major, base.minor, base.patch)
    taken = (version.build for version in listed if (version.major, version.minor, version.patch) == patch)
    return base.with_build(max(base.build, *taken, 0) + 1)


def uploaded_line(version: Number, *, built: bool) -> str:
    """What is printed on stdout once a local ``jujud`` was uploaded (section C.1, step 12)."""
    source = " (built from source)" if built else ""
    return f"no prepackaged agent binaries available, using local agent binary {version}{source}"


def best_version_lines(version: Number | None) -> tuple[str, str]:
    """The report of the choice, on stderr (section C.1, step 14)."""
    return "best version:", f"    {version}"


def dry_run_lines(request: Request) -> tuple[str, str]:
    """What a dry run ends with, on stderr (section C.1, step 15)."""
    flag = " --build-agent" if request.flags.build_agent else ""
    return "upgrade to this version by running", f"    juju {request.command}{flag}"


def lower_version_text(agent: Number, target: Number) -> str:
    """The refusal of a downgrade."""
    return f"cannot change version from {agent} to lower version {target}"


def tolerates_hidden_controller_model(rules: Rules) -> bool:
    """Whether the client goes on if it may not read the controller model's config (section C.1, step 2)."""
    return rules.version >= Number(2, 8, 7)


def validates_first(rules: Rules) -> bool:
    """Whether the client first calls ``ModelManager.ValidateModelUpgrades`` (section D.2, notes: 2.8 on).

    A controller older than 2.8 does not have that call; the client then goes on without it.
    """
    return rules.era in (Era.V2_8, Era.V2_9)


def cached_access_error(rules: Rules, command: Command, level: str) -> str:
    """What ``upgrade-controller`` says, before any call, about the access level in the client's store.

    Section C.2 says "2.7.x late and 2.8+"; of 2.7 only the last release, 2.7.9, is known to do it.

    Args:
        rules: The client's rules.
        command: The command that was typed.
        level: ``last-known-access`` of the account: ``login`` or ``superuser``.

    Returns:
        The error, or an empty string.
    """
    if command == "upgrade-model" or rules.version < Number(2, 7, 9) or level == "superuser":
        return ""
    return f'upgrade not possible missing permissions, current level "{level}", need: "superuser"'


def failed(message: str, rule: str, *info: str) -> Selection:
    """The command ends with an error and exit code 1; `info` are lines printed ahead of it."""
    return Selection(info=info, error=tuple(f"ERROR {message}".split("\n")), exit_code=1, rule=rule)


def up_to_date(rule: str, *info: str) -> Selection:
    """The command ends with nothing to do; `info` are lines printed ahead of that."""
    return Selection(info=(*info, "no upgrades available"), exit_code=0, rule=rule)


def refused(refusal: Refusal, *, in_result: bool = False) -> Selection:
    """The command ends with the server's refusal, the hint that goes with its code, and ours what to do instead.

    A code is printed only where the refusal came as the frame's error; from inside a result clients take the message.
    """
    ended = failed(refusal.message if in_result else refusal.text, refusal.rule)
    instead = (f"Next: {refusal.next_step}",) if refusal.next_step else ()
    return replace(ended, error=(*ended.error, *hint_for(refusal.code), *instead))
