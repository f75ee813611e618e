"""The reasons against an upgrade that a controller from 2.9.33 on gives together, by model.

Source: the Juju upgrade specification, sections C.3, C.5 and D.2 ("Blockers come in one error").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jujulab_core.rules.eras import Era, Rules
from jujulab_core.rules.facts import NOT_SUPPORTED, DatabaseMember, Facts, ModelFacts, Refusal
from jujulab_core.version import Number

_MINIMUM_LXD = Number(5, 0, 0)
_MINIMUM_MONGO = "4.4"

# The Ubuntu series that a 3.x controller no longer runs agents on: all before focal.
_OLD_UBUNTU = frozenset(
    {
        "precise",
        "quantal",
        "raring",
        "saucy",
        "trusty",
        "utopic",
        "vivid",
        "wily",
        "xenial",
        "yakkety",
        "zesty",
        "artful",
        "bionic",
        "cosmic",
        "disco",
        "eoan",
    }
)


def database_text(members: tuple[DatabaseMember, ...]) -> str:
    """Names the members of the database that are not healthy; empty where all are."""
    sick = [f"node {member.id} ({member.address}) has state {member.state}" for member in members if not member.healthy]
    return "unable to upgrade, database " + ", ".join(sick) if sick else ""


def blockers(facts: Facts, target: Number, rules: Rules) -> Refusal | None:
    """All reasons against an upgrade in one refusal, or None.

    For a controller upgrade every living hosted model is looked at too.
    """
    models = [facts.model]
    if facts.model.is_controller:
        models += [model for model in facts.hosted if model.alive]
        step = _unknown_step(facts.model, target, rules)
        if step:
            return step
    lines: list[str] = []
    for model in models:
        reasons = list(_reasons(facts, model, target, rules))
        if reasons:
            lines += [f'"{model.name}":', *(f"- {reason}" for reason in reasons)]
    if not lines:
        return None
    head = f'cannot upgrade to "{target}" due to issues with these models:'
    return Refusal("\n".join((head, *lines)), NOT_SUPPORTED, "D.2: blockers")


def _unknown_step(model: ModelFacts, target: Number, rules: Rules) -> Refusal | None:
    """A step to a major version that the controller's table does not know is an error of its own in 2.9."""
    if rules.era is Era.V3_6 or target.major <= model.agent_version.major or target.major in rules.minimums:
        return None
    return Refusal(
        f'upgrade to "{target}" is not supported from "{model.agent_version}"',
        NOT_SUPPORTED,
        "C.3 item 1: the next major version is reached by migration only",
    )


def _reasons(facts: Facts, model: ModelFacts, target: Number, rules: Rules) -> Iterator[str]:
    modern = rules.era is Era.V3_6
    controller_upgrade = facts.model.is_controller
    yield from _version_reasons(model, target, rules, controller_upgrade=controller_upgrade)
    if model.is_controller:
        yield from filter(None, [database_text(facts.database)])
        if modern or target.major == 3:
            yield from _mongo_reasons(facts.mongo_version)
    if controller_upgrade and model.migration:
        yield f'model is under "{model.migration}" mode, upgrade blocked'
    if modern or target.major == 3:
        yield from _machine_reasons(model)
    if not controller_upgrade and model.series_lock:
        yield "unexpected upgrade series lock found"
    if modern and model.charm_store_charms:
        yield f"the model hosts deprecated charm store charms(s): {', '.join(sorted(model.charm_store_charms))}"


def _version_reasons(model: ModelFacts, target: Number, rules: Rules, *, controller_upgrade: bool) -> Iterator[str]:
    current = model.agent_version
    if rules.era is not Era.V3_6:
        minimum = rules.minimums.get(target.major) if target.major > current.major else None
        if minimum and current < minimum:
            yield f'current model ("{current}") has to be upgraded to "{minimum}" at least'
        return
    if controller_upgrade and model.is_controller and (target.major, target.minor) != (current.major, current.minor):
        yield (
            "upgrading a controller only supports patch upgrades within the same major.minor series (e.g. "
            f"{current.major}.{current.minor}.x -> {current.major}.{current.minor}.y); to upgrade to "
            f"{target.major}.{target.minor}.x, bootstrap a new controller and migrate models"
        )
        return
    if target < current and not (controller_upgrade and not model.is_controller):
        yield "downgrade is not allowed"
    elif target.major > current.major:
        minimum = rules.minimums.get(target.major)
        if minimum is None:
            yield f'upgrading model from "{current}" to "{target}" is not supported'
        elif current < minimum:
            yield f'current model "{current}" must be at least "{minimum}" before upgrading to "{target}"'


def _mongo_reasons(version: str) -> Iterator[str]:
    if version and _numbers(version) < _numbers(_MINIMUM_MONGO):
        yield f'mongo version has to be "{_MINIMUM_MONGO}" at least, but current version is "{version}"'


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")[:2]]


def _machine_reasons(model: ModelFacts) -> Iterator[str]:
    series = model.machines_by_series
    windows = _counted({name: count for name, count in series.items() if name.startswith("win")})
    if windows:
        yield f"the model hosts deprecated windows machine(s): {windows}"
    ubuntu = _counted({name: count for name, count in series.items() if name in _OLD_UBUNTU})
    if ubuntu:
        yield f"the model hosts deprecated ubuntu machine(s): {ubuntu}"
    if model.lxd_version is not None and model.lxd_version < _MINIMUM_LXD:
        yield f'LXD version has to be at least "{_MINIMUM_LXD}", but current version is only "{model.lxd_version}"'


def _counted(machines: Mapping[str, int]) -> str:
    return " ".join(f"{name}({count})" for name, count in sorted(machines.items()))
