"""What an upgrade command would print, without a lab: the client's and the controller's rules together.

Source: the Juju upgrade specification, sections C and D; the rows of C.7 are its tests.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

from jujulab_core.errors import UsageError
from jujulab_core.rules import availability, checks, clientside, selection, serverside
from jujulab_core.rules.eras import Era, Rules
from jujulab_core.rules.facts import Facts, ModelAccess, ModelFacts, Refusal
from jujulab_core.rules.flags import Flags, parse_flags
from jujulab_core.rules.selection import Answer, Command, Found, Request, Search, Selection
from jujulab_core.rules.texts import RESET_DECLINED, RESET_PROMPT, reset_confirmed
from jujulab_core.version import Binary, Number

Access = Literal["login", "read", "write", "admin", "superuser"]

_MODEL_ACCESS: dict[Access, ModelAccess] = {
    "login": "",
    "read": "read",
    "write": "write",
    "admin": "admin",
    "superuser": "admin",
}


@dataclass(frozen=True, slots=True)
class Question:
    """A made-up situation and the command that is typed in it.

    Attributes:
        client: The client's version.
        agent: The model's ``agent-version``.
        controller_agent: The version that the controller runs; None for the model's.
        hosted: Whether the model is a hosted one.
        command: The command that is typed.
        available: By stream the versions on the internet.
        storage: The versions in the controller's storage.
        streams_unreachable: Whether the controller cannot reach the internet.
        unofficial: Whether the local ``jujud`` is unofficial.
        official_local: The version of the local ``jujud`` if it is an official one.
        major_map: By major version the lowest version that may step up to it; None for the era's own.
        agents_behind: By tag the versions of the agents that are not at the model's version.
        upgrade_record: Whether an upgrade record exists.
        blocked: The message of ``disable-command all``, or None.
        access: The user's access: to the model, or ``login`` or ``superuser`` for that to the controller.
        era: The era whose rules are forced on both sides, or None.
        agent_version: The text of ``--agent-version``.
        flags: The other flags of the command.
        quiet: Whether ``--quiet`` is given.
        answer: What the person types at the prompt of ``--reset-previous-upgrade``; empty for the end of input, None
            to stop at the prompt.
    """

    client: Number
    agent: Number
    controller_agent: Number | None = None
    hosted: bool = False
    command: Command = "upgrade-model"
    available: Mapping[str, Collection[Number]] = field(default_factory=lambda: MappingProxyType({}))
    storage: Collection[Number] = ()
    streams_unreachable: bool = False
    unofficial: bool = False
    official_local: Number | None = None
    major_map: Mapping[int, Number] | None = None
    agents_behind: Mapping[str, Number] = field(default_factory=lambda: MappingProxyType({}))
    upgrade_record: bool = False
    blocked: str | None = None
    access: Access = "superuser"
    era: Era | None = None
    agent_version: str = ""
    flags: Flags = field(default_factory=Flags)
    quiet: bool = False
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that the command prints, and how it ends.

    Attributes:
        stdout: The text on stdout.
        stderr: The text on stderr.
        exit_code: The exit code.
        rule: The rule that decided, with its section.
        waiting: Whether it stopped at the prompt. With an answer the command prints all of this and more.
    """

    stdout: str
    stderr: str
    exit_code: int
    rule: str
    waiting: bool = False


def evaluate(question: Question) -> Outcome:
    """What the command would print in that situation."""
    return _Run(question).outcome()


class _Run:
    """One run of the command; gathers what is printed."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.stdout = ""
        self.stderr = ""
        self.waiting = False
        self.quiet = question.quiet
        controller = question.controller_agent or question.agent
        if question.era is None:
            self.client_rules = Rules.for_client(controller, question.client)
            self.server_rules = Rules.for_server(controller)
        else:
            self.client_rules = Rules.of_era(question.era, question.client)
            self.server_rules = Rules.of_era(question.era, controller)
        if question.major_map is not None:
            self.client_rules = Rules(self.client_rules.era, self.client_rules.version, question.major_map)
            self.server_rules = Rules(self.server_rules.era, self.server_rules.version, question.major_map)
        self.facts = Facts(
            model=ModelFacts(
                "admin/default" if question.hosted else "admin/controller",
                question.agent,
                is_controller=not question.hosted,
            ),
            controller=controller,
            superuser=question.access == "superuser",
            model_access=_MODEL_ACCESS[question.access],
            block=question.blocked,
            agents=question.agents_behind,
            upgrade_record=question.upgrade_record,
        )

    def outcome(self) -> Outcome:
        given = self.question.flags
        try:
            flags = parse_flags(
                agent_version=self.question.agent_version,
                agent_stream=given.agent_stream,
                build_agent=given.build_agent,
                dry_run=given.dry_run,
                ignore_agent_versions=given.ignore_agent_versions,
                reset_previous_upgrade=given.reset_previous_upgrade,
                yes=given.yes,
                verbose=given.verbose,
            )
        except UsageError as error:
            return Outcome("", f"ERROR {error}\n", error.exit_code, "C.1 step 1: the flags")
        ended = self._refused_before() or self._run(flags)
        return Outcome(self.stdout, self.stderr, ended.exit_code or 0, ended.rule, self.waiting)

    def _print(self, step: Selection) -> Selection:
        self.stdout += "".join(f"{line}\n" for line in step.stdout)
        self.stderr += "".join(f"{line}\n" for line in step.stderr(quiet=self.quiet))
        return step

    def _refused_before(self) -> Selection | None:
        """The access level in the client's store, then step 2 and the server's answers to what is read there."""
        rules, question = self.client_rules, self.question
        level = "superuser" if self.facts.superuser else "login"
        error = selection.cached_access_error(rules, question.command, level)
        if error:
            return self._print(selection.failed(error, "C.2: the access level in the client's store"))
        refusal = checks.read_refusal(self.facts)
        if refusal is None and selection.validates_first(rules) and self.server_rules.era >= Era.V2_8:
            refusal = checks.validate_model_upgrade(self.facts)
        if refusal is None and not self.facts.superuser and not selection.tolerates_hidden_controller_model(rules):
            refusal = Refusal(
                checks.DENIED.message,
                checks.DENIED.code,
                "C.1 step 2: up to 2.8.6 the client must read the controller model's config",
            )
        return self._print(selection.refused(refusal)) if refusal else None

    def _run(self, flags: Flags) -> Selection:
        question = self.question
        request = Request(
            rules=self.client_rules,
            client=question.client,
            agent=question.agent,
            is_controller_model=not question.hosted,
            flags=flags,
            command=question.command,
            unofficial=question.unofficial,
            official_local=question.official_local,
            controller_model_readable=self.facts.superuser,
        )
        step = clientside.before_search(request)
        if isinstance(step, Search):
            found = self._find(step.stream, step.major)
            step = clientside.after_search(request, step, Found(found.versions, found.error))
        uploaded: tuple[Number, ...] = ()
        reset_due = flags.reset_previous_upgrade
        while True:
            refusal = checks.change_refusal(self.facts) if step.uploads else None
            if refusal:
                return self._print(selection.refused(refusal))
            if step.uploads:
                uploaded = (step.uploads,)
            self._print(step)
            if step.exit_code is not None:
                return step
            if reset_due and not flags.dry_run:
                ended = self._reset(flags)
                if ended:
                    return ended
            reset_due = False
            step = clientside.after_answer(request, step, self._ask(request, step, uploaded))

    def _find(self, stream: str, major: int) -> availability.Availability:
        question = self.question
        return availability.find(
            [_binary(version) for version in question.storage],
            None
            if question.streams_unreachable
            else {name: [_binary(version) for version in found] for name, found in question.available.items()},
            availability.streams_searched(stream),
            availability.of_major(major),
        )

    def _reset(self, flags: Flags) -> Selection | None:
        if not flags.yes:
            self.stdout += RESET_PROMPT
            if self.question.answer is None:
                self.waiting = True
                return Selection(rule="D.3: a person has to answer")
            if not reset_confirmed(self.question.answer):
                return self._print(selection.failed(RESET_DECLINED, "D.3: anything but yes declines"))
        refusal = checks.abort_refusal(self.facts)
        if refusal:
            return self._print(selection.refused(refusal))
        self.facts = replace(self.facts, upgrade_record=False)
        return None

    def _ask(self, request: Request, step: Selection, uploaded: tuple[Number, ...]) -> Answer:
        flags = request.flags
        if self.client_rules.era.controller_chooses or step.chosen is None:
            wanted = serverside.UpgradeRequest(step.chosen, flags.dry_run, flags.ignore_agent_versions)
            found = self._find(flags.agent_stream, serverside.searched_major(self.facts, wanted))
            return serverside.upgrade_model(self.facts, wanted, self.server_rules, (*found.versions, *uploaded))
        refusal = checks.set_version_refusal(
            self.facts, step.chosen, self.server_rules, ignore_agent_versions=flags.ignore_agent_versions
        )
        return Answer(step.chosen, refusal)


def _binary(version: Number) -> Binary:
    # Selection looks at numbers only; any one series and arch will do (section C.4).
    return Binary(version, "ubuntu", "amd64")
