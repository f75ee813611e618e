"""The controller's choice and checks: ``ModelUpgrader.UpgradeModel`` of 2.9.33 and later.

Source: the Juju upgrade specification, sections C.3, C.5 and D.2; the wire format, section 12.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from jujulab_core.rules.blockers import blockers
from jujulab_core.rules.checks import UPGRADING, change_refusal, final_refusal, provider_refusal
from jujulab_core.rules.eras import Era, Rules
from jujulab_core.rules.facts import ALREADY_EXISTS, NOT_FOUND, NOT_VALID, Facts, Refusal
from jujulab_core.rules.selection import Answer, newest_step
from jujulab_core.version import Number


@dataclass(frozen=True, slots=True)
class UpgradeRequest:
    """The parameters of ``UpgradeModel``.

    Attributes:
        target: The version asked for; None where the controller decides (``0.0.0`` on the wire).
        dry_run: Only say which version it would be.
        ignore_agent_versions: Do not ask that every agent is at the model's version.
    """

    target: Number | None = None
    dry_run: bool = False
    ignore_agent_versions: bool = False


def searched_major(facts: Facts, request: UpgradeRequest) -> int:
    """The major version whose binaries the controller looks for (section C.3, item 2)."""
    return (request.target or facts.model.agent_version).major


def upgrade_model(facts: Facts, request: UpgradeRequest, rules: Rules, available: Iterable[Number]) -> Answer:
    """What the controller answers.

    An answer without a refusal and with a version equal to the model's means that there is nothing to do.

    Args:
        facts: What the controller knows.
        request: What it is asked.
        rules: The controller's rules.
        available: The versions that can be had, of `searched_major` at least.
    """
    if facts.upgrade_mode:
        return Answer(refusal=UPGRADING)
    refusal = change_refusal(facts)
    if refusal:
        return Answer(refusal=refusal)
    if not facts.model.alive:
        return Answer(refusal=Refusal("model is not alive", NOT_VALID, "D.2: the model is alive"), in_result=True)

    hosted_modern = rules.era is Era.V3_6 and not facts.model.is_controller
    if hosted_modern and request.target is not None and request.target.without_build() > facts.controller:
        refusal = Refusal(
            f'cannot upgrade to a version "{request.target}" greater than that of the controller "{facts.controller}"',
            rule="C.5: a hosted model never goes above its controller",
        )
        return Answer(refusal=refusal)
    if hosted_modern and request.target in (None, facts.controller):
        return _validated(facts, request, rules, facts.controller, "C.5: exactly the controller's version")
    choice = choose(facts.model.agent_version, request.target, rules, available)
    if isinstance(choice, Refusal):
        return Answer(refusal=choice, in_result=True)
    return _validated(facts, request, rules, *choice)


def choose(
    agent: Number, target: Number | None, rules: Rules, available: Iterable[Number]
) -> tuple[Number, str] | Refusal:
    """The version that a controller picks, and why (sections C.3, item 2, and C.5).

    Args:
        agent: The model's ``agent-version``.
        target: The version asked for, or None.
        rules: The controller's rules.
        available: The versions that can be had.
    """
    major = (target or agent).major
    listed = [version for version in available if version.major == major]
    if target is not None:
        if target == agent or target < agent.without_build():
            return Refusal("no upgrades available", ALREADY_EXISTS, "C.3 item 2: not above the model's version")
        if target in listed:
            return target, "C.3 item 2: the version asked for is in the list"
        return Refusal(
            "no matching agent versions available",
            NOT_FOUND,
            "C.3 item 2: the version asked for must be in the list exactly, its build included",
        )
    if rules.era is Era.V3_6:
        listed = [version for version in listed if version.minor == agent.minor]
    newest = newest_step(agent, listed)
    if newest is None:
        return Refusal(
            "no matching agent versions available", NOT_FOUND, "C.3 item 2: there is nothing that it could go to"
        )
    if newest[0] == agent:
        return Refusal("no upgrades available", ALREADY_EXISTS, "C.3 item 2: the newest is the model's version")
    return (newest[0], "C.5: the newest patch of the same minor version") if rules.era is Era.V3_6 else newest


def _validated(facts: Facts, request: UpgradeRequest, rules: Rules, chosen: Number, rule: str) -> Answer:
    refusal = provider_refusal(facts)
    if refusal:
        return Answer(refusal=refusal)
    if facts.provider_precheck:
        text = f"Unable to upgrade to {chosen}:: {facts.provider_precheck}"
        return Answer(refusal=Refusal(text, rule="D.2: the cloud's own check"))
    refusal = blockers(facts, chosen, rules)
    if refusal:
        return Answer(refusal=refusal, in_result=True)
    if not request.dry_run:
        refusal = final_refusal(facts, chosen, rules, ignore_agent_versions=request.ignore_agent_versions)
        if refusal:
            return Answer(refusal=refusal)
    return Answer(chosen=chosen, rule=rule)
