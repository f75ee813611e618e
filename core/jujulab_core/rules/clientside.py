"""What ``upgrade-model`` and ``upgrade-controller`` do, step by step.

How a command uses it::

    flags = parse_flags(...)
    step = before_search(request)
    if isinstance(step, Search):
        found = FindTools(step.major, step.stream) of the controller
        step = after_search(request, step, found)
    if step.uploads: upload the local jujud as that version      # may be refused; print nothing before it
    print step.stdout and step.stderr(); exit if step.exit_code is not None
    if flags.reset_previous_upgrade and not flags.dry_run: ask RESET_PROMPT, abort the record
    answer = SetModelAgentVersion or UpgradeModel of the controller, for step.chosen (None: it chooses)
    step = after_answer(request, step, answer)                   # again as above while step.exit_code is None

The steps are numbered as in section C.1 of the Juju upgrade specification.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from jujulab_core.rules import deferring
from jujulab_core.rules.availability import NO_MATCHING_BINARIES
from jujulab_core.rules.eras import Era
from jujulab_core.rules.selection import (
    Answer,
    Found,
    Request,
    Search,
    Selection,
    best_version_lines,
    dry_run_lines,
    failed,
    lower_version_text,
    newest_step,
    refused,
    up_to_date,
    upload_version,
    uploaded_line,
)
from jujulab_core.version import Number


def before_search(request: Request) -> Selection | Search:
    """Steps 3 to 10, up to the question which versions there are.

    Returns:
        The end of the command, the search to make, or, where the controller chooses, what to ask it.
    """
    if request.agent is None:
        # Step 3 comes before step 4.
        if request.flags.build_agent and not request.is_controller_model:
            return _build_on_hosted()
        return failed("incomplete model configuration", "C.1 step 4: the model's config has no agent-version")
    if request.rules.era.controller_chooses:
        return deferring.before_asking(request, request.agent)
    return _client_choice(request, request.agent)


def _build_on_hosted() -> Selection:
    return failed(
        "--build-agent can only be used with the controller model",
        "C.1 step 3: --build-agent works on the controller model only",
    )


def _client_choice(request: Request, agent: Number) -> Selection | Search:
    flags, client = request.flags, request.client
    if flags.build_agent and not request.is_controller_model:
        return _build_on_hosted()
    target = flags.agent_version
    if flags.build_agent and target is None:
        target = client
    if not _client_allowed(request, agent):
        return failed(
            f"cannot upgrade a {agent} model with a {client} client",
            "C.1 step 6: the client's major version must be the model's, or one above it",
        )
    if target is not None and target.without_build() < agent.without_build():
        return failed(lower_version_text(agent, target), "C.1 step 7: no downgrade")
    compatibility = client.major != agent.major and (target is None or target.major == agent.major)
    if not compatibility and target is not None and target.major > agent.major:
        ended = _major_step(request, agent, target)
        if ended:
            return ended
    if target == agent:
        return up_to_date("C.1 step 9: the model is at that version already")
    major = target.major if target is not None else client.major - (1 if compatibility else 0)
    return Search(agent, major, flags.agent_stream or request.model_stream, target, compatibility)


def _client_allowed(request: Request, agent: Number) -> bool:
    client = request.client
    if client.major == agent.major:
        return True
    return agent.major == client.major - 1 and (request.rules.era > Era.V2_7 or client.minor == 0)


def _major_step(request: Request, agent: Number, target: Number) -> Selection | None:
    """Step 8: a step to a higher major version."""
    rule = "C.1 step 8: which version may step up to a new major version"
    early = request.rules.era <= Era.V2_7
    if early and request.command == "upgrade-controller":
        return None  # It carries no table there; the search for binaries fails then.
    minimum = request.rules.minimums.get(target.major)
    if minimum is None:
        if request.rules.era is Era.V2_9:
            return failed(f'upgrade to "{target}" is not supported from "{agent}"', rule)
        return failed(f'unknown version "{target}"', rule)
    lines = []
    if early and target.minor != 0:
        lines.append(f"upgrades to {target} must first go through juju {target.major}.0")
    if agent < minimum:
        lines.append(f"upgrades to a new major version must first go through {minimum}")
    return failed("unable to upgrade to requested version", rule, *lines) if lines else None


def after_search(request: Request, search: Search, found: Found) -> Selection:
    """Steps 10 to 15: the choice, a local upload, the report."""
    agent, flags = search.agent, request.flags
    listed = sorted({version for version in found.versions if version.major == search.major})
    implicit = _implicit_upload_possible(request, agent)
    if not listed and not implicit and not flags.build_agent:
        if search.target is None and agent.major == search.major:
            return up_to_date("C.1 step 10: there are no binaries, and nothing to look for")
        return failed(found.error or NO_MATCHING_BINARIES, "C.1 step 10: the search found nothing")

    step = _choose(request, agent, search, listed)
    if flags.build_agent or (
        step.chosen is None and implicit and request.is_controller_model and not search.compatibility
    ):
        step = _upload(request, agent, search.target, listed)
    chosen = step.chosen
    if chosen is None:
        return step
    ended = None
    if chosen == agent:
        ended = up_to_date("C.1 step 13: the choice is the version that the model has")
    elif (chosen.major, chosen.minor) < (agent.major, agent.minor):
        rule = "C.1 step 13: no downgrade of major or minor version"
        ended = failed(lower_version_text(agent, chosen), rule)
    if ended:
        # By then step 12 has uploaded, and said so.
        return replace(ended, stdout=step.stdout, uploads=step.uploads)
    return _report(request, search, step, chosen, listed)


def _implicit_upload_possible(request: Request, agent: Number) -> bool:
    return request.client > agent or agent.build > 0 or request.client.build > 0 or request.unofficial


def _choose(request: Request, agent: Number, search: Search, listed: Iterable[Number]) -> Selection:
    """Step 11."""
    things = "binaries" if request.rules.era is Era.V2_6 else "versions"
    if search.target is not None:
        if search.target in listed:
            return Selection(chosen=search.target, rule="C.1 step 11: the version asked for is in the list")
        return failed(
            f"no matching agent {things} available",
            "C.1 step 11: the version asked for must be in the list exactly, its build included",
        )
    newest = newest_step(agent, listed)
    if newest is not None:
        return Selection(chosen=newest[0], rule=newest[1])
    if search.major == request.client.major:
        return failed(
            "no more recent supported versions available",
            "C.1 step 11: nothing of the next minor version, nor of the same from the model's on",
        )
    return failed(
        f"no compatible agent {things} available",
        "C.1 step 11: nothing of the model's major version that it could go to",
    )


def _upload(request: Request, agent: Number, target: Number | None, listed: Iterable[Number]) -> Selection:
    """Step 12."""
    build = request.flags.build_agent
    if request.official_local is not None and not build:
        version = request.official_local
        rule = "C.1 step 12: the local jujud is official and keeps its own version, whatever was asked for"
    else:
        version = upload_version(target or request.client, agent, listed)
        rule = "C.1 step 12: the local jujud is uploaded with the next free build number"
    return Selection(
        chosen=version,
        stdout=(uploaded_line(version, built=build),),
        uploads=None if request.flags.dry_run else version,
        rule=rule,
    )


def _report(request: Request, search: Search, step: Selection, chosen: Number, listed: Iterable[Number]) -> Selection:
    """Steps 14 and 15."""
    lines: list[str] = []
    if request.flags.verbose:
        lines += ["available agent binaries:", *(f"    {version}" for version in listed)]
    lines += best_version_lines(chosen)
    if search.compatibility:
        lines.append(f"version {chosen} incompatible with this client ({request.client})")
    if not request.flags.dry_run:
        return replace(step, info=tuple(lines))
    return replace(step, info=(*lines, *dry_run_lines(request)), exit_code=0)


def after_answer(request: Request, step: Selection, answer: Answer) -> Selection:
    """Step 17: what the command prints once the server has answered."""
    if request.rules.era.controller_chooses:
        return deferring.after_asking(request, step, answer)
    if answer.refusal:
        return refused(answer.refusal)
    return Selection(chosen=step.chosen, stdout=(f"started upgrade to {step.chosen}",), exit_code=0, rule=step.rule)
