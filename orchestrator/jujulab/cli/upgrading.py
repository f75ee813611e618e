"""``upgrade-model`` and ``upgrade-controller``: the rules of the core, with the calls and the talk around them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import click
from click.exceptions import Exit

from jujulab.cli import output
from jujulab.cli.context import talk
from jujulab.client_version import client_version
from jujulab.session import Model, Session
from jujulab_core.errors import ConnectionLost, JujulabError, RpcError
from jujulab_core.rules import clientside, quarantine, selection
from jujulab_core.rules.eras import Rules
from jujulab_core.rules.facts import UNAUTHORIZED, Refusal
from jujulab_core.rules.flags import Flags, parse_flags
from jujulab_core.rules.quarantine import Entry
from jujulab_core.rules.selection import Answer, Command, Found, Request, Search, Selection
from jujulab_core.rules.texts import RESET_DECLINED, RESET_PROMPT, reset_confirmed
from jujulab_core.version import Binary, Number
from jujulab_core.waiting import Deadline

_NO_VERSION = "0.0.0"
# How Juju begins when agents are at neither the old nor the new version.
_BEHIND = "some agents have not upgraded to "
NOT_IMPLEMENTED = "not implemented"


class Asked(NamedTuple):
    """What a command line asks for.

    Attributes:
        flags: Juju's part.
        options: Ours, for the controller.
        timeout: Seconds to wait.
        wait: Whether to wait.
    """

    flags: Flags
    options: dict[str, Any]
    timeout: float
    wait: bool


def checked(given: Mapping[str, Any]) -> Asked:
    """Checks the command line; Juju does so before it looks for a controller (section D.1).

    Args:
        given: The options as of :func:`jujulab.cli.upgradeoptions.upgrade_options`.

    Raises:
        UsageError: Juju's words.
    """
    from jujulab.cli.durations import seconds
    from jujulab.cli.upgradeoptions import rollout

    flags = parse_flags(
        agent_version=given["agent_version"],
        agent_stream=given["agent_stream"],
        build_agent=given["build_agent"],
        dry_run=given["dry_run"],
        ignore_agent_versions=given["ignore_agent_versions"],
        reset_previous_upgrade=given["reset_previous_upgrade"],
        yes=given["yes"],
        verbose=talk().verbose,
    )
    return Asked(flags, rollout(given), seconds(given["timeout"]), given["wait"])


def upgrade(session: Session, command: Command, wanted: Asked) -> None:
    """Carries a command out.

    Args:
        session: The model in it is the one to upgrade.
        command: Which of the two was typed.
        wanted: Its options.

    Raises:
        JujulabError: It failed before the rules could say anything.
        Exit: The rules ended it with an exit code that is not 0.
        UpgradeFailedError: With ``--wait``: it ended badly.
        DeadlineError: With ``--wait``: it did not end in time.
    """
    from jujulab.cli.upgradelive import UpgradeShown
    from jujulab.cli.watching import STILL_GOING, conclude, follow, latest
    from jujulab.status.times import TimeForm
    from jujulab.status.upgrades import is_over

    deadline = Deadline(wanted.timeout, STILL_GOING)
    started = _Upgrade(session, command, wanted.flags, wanted.options).run()
    if not wanted.wait or wanted.flags.dry_run:
        return
    record = latest(session, session.model(), deadline)
    # Nothing to start: what an earlier command started may still be under way.
    if record is not None and (started or not is_over(record)):
        conclude(follow(session, int(record["id"]), deadline, UpgradeShown(TimeForm.choose(utc=False))))


class _Upgrade:
    def __init__(self, session: Session, command: Command, flags: Flags, options: dict[str, Any]) -> None:
        self._session = session
        self._command = command
        self._flags = flags
        self._options = options

    def run(self) -> bool:
        """Goes through the steps; returns whether an upgrade was started."""
        session = self._session
        client = client_version(session.store, session.controller.name)
        controller = Number.parse(session.client.login.server_version) if session.client.login else client
        rules = Rules.for_client(controller, client)
        access = "superuser" if session.is_superuser else "login"
        if denied := selection.cached_access_error(rules, self._command, access):
            raise JujulabError(denied)
        model = session.model()
        return self._steps(self._request(rules, client, model), model)

    def _request(self, rules: Rules, client: Number, model: Model) -> Request:
        """Step 2 of section C.1: what the client reads before it chooses."""
        session = self._session
        config = {
            key: str(entry.get("value", ""))
            for key, entry in session.model_client().call("ModelConfig", "ModelGet")["config"].items()
        }
        if selection.validates_first(rules):
            from jujulab_core.rpc.results import check_all

            params = {"model": [{"model-tag": model.tag}], "force": False}
            try:
                check_all(session.client.call("ModelManager", "ValidateModelUpgrades", params))
            except RpcError as error:
                # An older controller does not know this check.
                if error.code != NOT_IMPLEMENTED:
                    raise
        own: Mapping[str, Any] = {}
        try:
            own = session.client.call("Controller", "ModelConfig")["config"]
        except RpcError as error:
            if error.code != UNAUTHORIZED or not selection.tolerates_hidden_controller_model(rules):
                raise
        return Request(
            rules=rules,
            client=client,
            agent=Number.parse(config["agent-version"]) if config.get("agent-version") else None,
            is_controller_model=own.get("uuid", {}).get("value") == model.uuid,
            flags=self._flags,
            command=self._command,
            model_stream=config.get("agent-stream", ""),
            controller_model_readable=bool(own),
        )

    def _steps(self, request: Request, model: Model) -> bool:
        step = clientside.before_search(request)
        if isinstance(step, Search):
            step = clientside.after_search(request, step, self._find(step, model))
            if self._flags.dry_run and step.chosen and (refusal := self._refused_by_us(step.chosen, model)):
                step = selection.refused(refusal)
        reset_due = self._flags.reset_previous_upgrade and not self._flags.dry_run
        asked = False
        while True:
            if step.uploads:
                raise JujulabError(
                    f"this client has no agent binaries of its own that it could upload as {step.uploads}",
                    next_step=f"build and publish them with `jujulab publish {step.uploads.without_build()}`",
                )
            self._print(step)
            if step.exit_code:
                raise Exit(step.exit_code)
            if step.exit_code is not None:
                return asked and step.chosen is not None and not self._flags.dry_run
            if reset_due:
                self._reset(request, model)
                reset_due = False
            answer = self._with_step(self._ask(request, step, model), model)
            step = clientside.after_answer(request, step, answer)
            asked = True

    def _print(self, step: Selection) -> None:
        for line in step.stdout:
            output.data(line)
        for line in step.stderr(quiet=talk().quiet):
            click.echo(line, err=True)

    def _find(self, search: Search, model: Model) -> Found:
        params = {
            "number": _NO_VERSION,
            "major": search.major,
            "minor": -1,
            "arch": "",
            "series": "",
            "agentstream": search.stream,
        }
        answer = self._session.model_client().call("Client", "FindTools", params)
        error = (answer.get("error") or {}).get("message", "")
        versions = [Binary.parse(entry["version"]).number for entry in answer.get("list") or ()]
        if self._flags.agent_version or self._lifts:
            return Found(versions, error)
        kept = quarantine.without(versions, self._quarantine(model))
        if left_out := sorted({*versions} - {*kept}):
            output.info(
                f"left out, because model {model.name} was rolled back from it: {', '.join(map(str, left_out))}"
            )
        return Found(kept, error)

    @property
    def _lifts(self) -> bool:
        return bool(self._options.get("lift-quarantine"))

    def _quarantine(self, model: Model) -> dict[Number, Entry]:
        found = self._session.client.call("LabUpgrades", "Quarantine", {"model-tag": model.tag})["versions"]
        return {Number.parse(row["version"]): Entry(row["since"], row["by"], row["reason"]) for row in found}

    def _refused_by_us(self, version: Number, model: Model) -> Refusal | None:
        """What the controller would say to this version beyond Juju's words; in a dry run it is not asked."""
        refusal = None if self._lifts else quarantine.refusal(model.name, version, self._quarantine(model))
        if refusal or self._options.get("ignore-missing-binaries"):
            return refusal
        params = {"model-tag": model.tag, "version": str(version), "agent-stream": self._flags.agent_stream}
        reason = self._session.client.call("LabUpgrades", "MissingBinaries", params)["reason"]
        return Refusal(reason) if reason else None

    def _reset(self, request: Request, model: Model) -> None:
        if not self._flags.yes:
            click.echo(RESET_PROMPT, nl=False)
            sys.stdout.flush()
            if not reset_confirmed(sys.stdin.readline()):
                raise JujulabError(RESET_DECLINED)
        if request.rules.era.controller_chooses:
            self._session.client.call("ModelUpgrader", "AbortModelUpgrade", {"model-tag": model.tag})
        else:
            self._session.model_client().call("Client", "AbortCurrentUpgrade")

    def _ask(self, request: Request, step: Selection, model: Model) -> Answer:
        try:
            if request.rules.era.controller_chooses:
                return self._ask_for_upgrade(step, model)
            params = {
                "version": str(step.chosen),
                "force": self._flags.ignore_agent_versions,
                "agent-stream": self._flags.agent_stream,
            }
            self._session.model_client().call("Client", "SetModelAgentVersion", params | self._options)
            return Answer(step.chosen)
        except RpcError as error:
            return Answer(refusal=_refusal(error))
        except ConnectionLost as lost:
            lost.next_step = "see with `jujulab upgrades` whether the upgrade was started"
            raise

    def _with_step(self, answer: Answer, model: Model) -> Answer:
        """The answer with what to do instead, where Juju says nothing of it and the record of an upgrade does."""
        from jujulab.cli.upgradecontrol import step_about_those_behind
        from jujulab.cli.watching import newest

        refusal = answer.refusal
        if refusal is None or refusal.next_step or not refusal.message.startswith(_BEHIND):
            return answer
        found = newest(self._session, model)
        return replace(answer, refusal=replace(refusal, next_step=step_about_those_behind(found)))

    def _ask_for_upgrade(self, step: Selection, model: Model) -> Answer:
        params = {
            "model-tag": model.tag,
            "target-version": str(step.chosen) if step.chosen else _NO_VERSION,
            "agent-stream": self._flags.agent_stream,
            "ignore-agent-versions": self._flags.ignore_agent_versions,
            "dry-run": self._flags.dry_run,
        }
        answer = self._session.client.call("ModelUpgrader", "UpgradeModel", params | self._options)
        error = answer.get("error") or {}
        if error.get("message"):
            return Answer(refusal=Refusal(error["message"], error.get("code", "")), in_result=True)
        return Answer(Number.parse(answer["chosen-version"]))


def _refusal(error: RpcError) -> Refusal:
    return Refusal(error.message, error.code, next_step=str(error.info.get("next-step") or ""))
