"""The client's part where the controller chooses the version: 2.9.33 and later.

Source: the Juju upgrade specification, sections C.3 and C.5; the wire format, sections 12 and 18.
"""

from __future__ import annotations

from jujulab_core.rules.eras import Era
from jujulab_core.rules.facts import ALREADY_EXISTS, NOT_FOUND
from jujulab_core.rules.selection import (
    Answer,
    Request,
    Selection,
    best_version_lines,
    dry_run_lines,
    failed,
    refused,
    up_to_date,
    upload_version,
    uploaded_line,
)
from jujulab_core.version import Number


def before_asking(request: Request, agent: Number) -> Selection:
    """What the client settles by itself before it asks the controller."""
    target = request.flags.agent_version
    modern = request.rules.era is Era.V3_6
    if modern and request.is_controller_model and request.command == "upgrade-model":
        return failed(
            "use upgrade-controller to upgrade the controller model",
            "C.5: upgrade-model does not upgrade the controller model",
        )
    if target == agent:
        return up_to_date("C.3 item 1: the model is at that version already")
    if request.flags.build_agent:
        return _build(request, agent)
    if not modern and target is not None and target.major == 3 and request.is_controller_model:
        return failed(
            f'upgrade to "{target}" is not supported from "{agent}"',
            "C.3 item 1: a controller gets from 2.9 to 3 by migration only",
        )
    if modern and not request.is_controller_model and target is not None and target < agent:
        return failed("downgrade not supported", "C.5: no downgrade of a model")
    return Selection(chosen=target, rule="C.3: the controller decides")


def _build(request: Request, agent: Number) -> Selection:
    if request.flags.agent_version is not None:
        return failed("--build-agent cannot be used with --agent-version together", "C.3 item 1: one of the two flags")
    if not request.controller_model_readable:
        return failed(
            "--build-agent can only be used with the controller model but you don't have permission to access "
            "that model",
            "C.3 item 1: --build-agent needs access to the controller model",
        )
    if not request.is_controller_model:
        return failed(
            "--build-agent can only be used with the controller model",
            "C.1 step 3: --build-agent works on the controller model only",
        )
    version = upload_version(request.client, agent, ())
    return _upload(
        request,
        version,
        uploaded_line(version, built=True),
        "C.1 step 12: the local jujud is uploaded with the next free build number",
    )


def _upload(request: Request, version: Number, line: str, rule: str) -> Selection:
    if request.flags.dry_run:
        # Nothing is uploaded, so the controller cannot be asked about a version that it does not have.
        info = (*best_version_lines(version), *dry_run_lines(request))
        return Selection(version, stdout=(line,), info=info, exit_code=0, rule=rule)
    return Selection(version, stdout=(line,), uploads=version, rule=rule)


def after_asking(request: Request, step: Selection, answer: Answer) -> Selection:
    """What the client does with the controller's answer; it asks again after an upload."""
    refusal = answer.refusal
    if refusal is None:
        best = best_version_lines(answer.chosen)
        rule = answer.rule or step.rule
        if request.flags.dry_run:
            return Selection(answer.chosen, info=(*best, *dry_run_lines(request)), exit_code=0, rule=rule)
        started = (f"started upgrade to {answer.chosen}",)
        return Selection(answer.chosen, stdout=started, info=best, exit_code=0, rule=rule)
    official = _packaged(request)
    if refusal.code == NOT_FOUND and official is not None and not step.uploads:
        return _offer_upload(request, official, refusal.rule)
    if refusal.code in (NOT_FOUND, ALREADY_EXISTS):
        return up_to_date(refusal.rule)
    return refused(refusal, in_result=answer.in_result)


def _offer_upload(request: Request, official: Number, rule: str) -> Selection:
    packaged = request.client.without_build()
    if request.flags.agent_version != packaged:
        return up_to_date(
            rule,
            f"WARNING try again with --agent-version={packaged} if you want to upgrade using the local packaged "
            "jujud from the snap",
        )
    return _upload(
        request,
        official,
        f"no prepackaged agent binaries available, using the local snap jujud {official}",
        "C.3 item 3: the local jujud of the snap is uploaded",
    )


def _packaged(request: Request) -> Number | None:
    """The official local ``jujud``, if all conditions of C.3, item 3, hold but the one on the version asked for."""
    client, agent = request.client, request.agent
    if agent is None or not request.is_controller_model or client < agent:
        return None
    return request.official_local if client.build > 0 or agent.build > 0 else None
