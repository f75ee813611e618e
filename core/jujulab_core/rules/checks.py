"""What a controller refuses before it lets an upgrade start, in Juju's order and with Juju's words.

Source: the Juju upgrade specification, sections D.2, D.3, D.4 and E.4.
"""

from __future__ import annotations

from jujulab_core.rules.blockers import database_text
from jujulab_core.rules.eras import Era, Rules
from jujulab_core.rules.facts import BLOCKED, IN_PROGRESS, UNAUTHORIZED, Facts, Refusal
from jujulab_core.tags import split_tag
from jujulab_core.version import Number

# What a user may call while the controller upgrades, as (facade, method): section D.4. `SSHClient` has the address,
# key and proxy calls. `Login` comes before any of them.
ALLOWED_WHILE_UPGRADING = frozenset(
    {
        ("Backups", "FinishRestore"),
        ("Client", "AbortCurrentUpgrade"),
        ("Client", "FindTools"),
        ("Client", "FullStatus"),
        ("Pinger", "Ping"),
        ("SSHClient", "AllAddresses"),
        ("SSHClient", "PrivateAddress"),
        ("SSHClient", "Proxy"),
        ("SSHClient", "PublicAddress"),
        ("SSHClient", "PublicKeys"),
    }
)

DENIED = Refusal("permission denied", UNAUTHORIZED, "D.2 row 2: permission")
UPGRADING = Refusal("upgrade in progress", IN_PROGRESS, "D.2 row 1: the controller has not finished its own upgrade")


def upgrade_mode_refusal(facade: str, method: str) -> Refusal | None:
    """Whether a user's call is refused while the controller is in upgrade mode."""
    return None if (facade, method) in ALLOWED_WHILE_UPGRADING else UPGRADING


def agent_login_refusal(tag: str) -> Refusal:
    """Why an agent that is not a controller may not log in while the controller is in upgrade mode.

    Raises:
        UsageError: That is no tag.
    """
    kind, name = split_tag(tag)
    return Refusal(f"login for {kind} {name} blocked because upgrade is in progress", rule="D.4: logins of agents")


def change_refusal(facts: Facts) -> Refusal | None:
    """Rows 2 and 3, which also hold for uploads of binaries and for clearing a stuck upgrade record.

    The controller model is a controller superuser's alone (section E.4).
    """
    levels = ("admin",) if facts.only_admins_upgrade else ("write", "admin")
    allowed = facts.model_access in levels and not facts.model.is_controller
    if not facts.superuser and not allowed:
        return DENIED
    if facts.block is not None:
        return Refusal(facts.block or "the operation has been blocked", BLOCKED, "D.2 row 3: block all")
    return None


def read_refusal(facts: Facts) -> Refusal | None:
    """Whether a user may read the model's config, as every upgrade command first does."""
    return None if facts.superuser or facts.model_access else DENIED


def abort_refusal(facts: Facts) -> Refusal | None:
    """``AbortCurrentUpgrade`` and ``AbortModelUpgrade`` (section D.3: the same permission and block checks)."""
    return change_refusal(facts)


def validate_model_upgrade(facts: Facts) -> Refusal | None:
    """``ModelManager.ValidateModelUpgrades`` of 2.8 and 2.9 for one model; needs model admin."""
    if not facts.superuser and (facts.model_access != "admin" or facts.model.is_controller):
        return DENIED
    if facts.model.series_lock:
        return Refusal("unexpected upgrade series lock found", rule="D.2 notes: ValidateModelUpgrades")
    return None


def set_version_refusal(
    facts: Facts, target: Number, rules: Rules, *, ignore_agent_versions: bool = False
) -> Refusal | None:
    """``SetModelAgentVersion``: the checks of D.2 in order.

    None with a target equal to the model's version means that there is nothing to do (row 9).

    Args:
        facts: What the server knows.
        target: The version asked for.
        rules: The server's rules.
        ignore_agent_versions: The call's ``force`` (``ignore-agent-versions``).
    """
    if facts.upgrade_mode:
        return UPGRADING
    refusal = change_refusal(facts) or provider_refusal(facts)
    if refusal is None and facts.model.is_controller:
        refusal = _controller_model_refusal(facts, target, rules)
    return refusal or final_refusal(facts, target, rules, ignore_agent_versions=ignore_agent_versions)


def provider_refusal(facts: Facts) -> Refusal | None:
    """Row 4."""
    if not facts.provider_error:
        return None
    return Refusal(f"cannot make API call to provider: {facts.provider_error}", rule="D.2 row 4: the cloud answers")


def _controller_model_refusal(facts: Facts, target: Number, rules: Rules) -> Refusal | None:
    """Rows 5 to 7."""
    if rules.version >= Number(2, 7, 1):
        sick = database_text(facts.database)
        if sick:
            return Refusal(sick, rule="D.2 row 5: the database is healthy")
    if rules.era is Era.V2_9 and target.major > facts.model.agent_version.major:
        minimum = rules.minimums.get(target.major)
        behind = [model.name for model in facts.hosted if minimum and model.agent_version < minimum]
        if behind:
            head = f"these models must first be upgraded to at least {minimum} before upgrading the controller:"
            return Refusal(
                "\n".join((head, *(f" -{name}" for name in behind))), rule="D.2 row 6: hosted models come first"
            )
    for model in facts.hosted:
        if model.migration:
            return Refusal(
                f'model "{model.name}" is {model.migration}, upgrade blocked', rule="D.2 row 7: no migration"
            )
    return None


def final_refusal(facts: Facts, target: Number, rules: Rules, *, ignore_agent_versions: bool) -> Refusal | None:
    """Rows 8 to 12, which every era has, and the server's own refusal of a lower version from 2.9 on."""
    current = facts.model.agent_version
    if not facts.model.is_controller and target > facts.controller:
        return Refusal(
            f"model cannot be upgraded to {target} while the controller is {facts.controller}: upgrade 'controller' "
            "model first",
            rule="D.2 row 8: a hosted model never runs above its controller",
        )
    if target == current:
        return None
    if rules.era >= Era.V2_9 and target.without_build() < current.without_build():
        return Refusal(
            f"cannot change version from {current} to lower version {target}",
            rule="wire format, section 12: SetModelAgentVersion refuses a lower version",
        )
    if not ignore_agent_versions:
        behind = sorted(tag for tag, version in facts.agents.items() if version not in (current, target))
        if behind:
            return Refusal(
                f"some agents have not upgraded to the current model version {current}: {', '.join(behind)}",
                rule="D.2 row 10: every agent is at the current or the new version",
            )
    if facts.upgrade_record:
        return Refusal("upgrade in progress", IN_PROGRESS, "D.2 row 11: an upgrade record exists")
    if facts.contention:
        return Refusal(f"cannot set agent version: {facts.contention}", rule="D.2 row 12: database contention")
    return None
