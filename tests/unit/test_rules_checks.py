"""What a controller refuses: the rows of D.2 and its neighbours, in order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from jujulab_core.errors import UsageError
from jujulab_core.rules import checks, serverside
from jujulab_core.rules.eras import Rules, era_of
from jujulab_core.rules.facts import DatabaseMember, Facts, ModelFacts, Refusal
from jujulab_core.rules.selection import Answer
from jujulab_core.version import Number

TABLE = yaml.load((Path(__file__).parent / "data" / "checks.yaml").read_text(), yaml.BaseLoader)


def number(text: str) -> Number | None:
    return Number.parse(text) if text not in ("", "null") else None


def flag(text: str) -> bool:
    return {"true": True, "false": False}[text]


def model_facts(given: dict[str, Any]) -> ModelFacts:
    values: dict[str, Any] = dict(given)
    for name in ("agent_version", "lxd_version"):
        if name in values:
            values[name] = Number.parse(values[name])
    for name in ("alive", "series_lock", "is_controller"):
        if name in values:
            values[name] = flag(values[name])
    if "machines_by_series" in values:
        values["machines_by_series"] = {series: int(count) for series, count in values["machines_by_series"].items()}
    values["charm_store_charms"] = tuple(values.get("charm_store_charms", ()))
    return ModelFacts(**values)


def facts_of(case: dict[str, Any]) -> Facts:
    hosted = flag(case.get("hosted", "false"))
    model = {
        "name": "bob/model" if hosted else "admin/controller",
        "agent_version": case.get("current", "2.6.3"),
        "is_controller": "false" if hosted else "true",
        **case.get("model", {}),
    }
    values: dict[str, Any] = dict(case["facts"])
    for name in ("upgrade_mode", "superuser", "upgrade_record"):
        if name in values:
            values[name] = flag(values[name])
    values["agents"] = {tag: number(version) for tag, version in values.get("agents", {}).items()}
    values["hosted"] = tuple(model_facts(other) for other in values.get("hosted", ()))
    down = values.get("database", ())
    values["database"] = tuple(
        DatabaseMember(
            str(n), f"10.172.145.{49 + n}:37017", "DOWN" if str(n) in down else "SECONDARY", healthy=str(n) not in down
        )
        for n in (1, 2, 3)
    )
    return Facts(model=model_facts(model), controller=Number.parse(case["rules"]), **values)


def ask(case: dict[str, Any]) -> Answer:
    facts = facts_of(case)
    release = Number.parse(case["rules"])
    minimums = {int(major): Number.parse(version) for major, version in case.get("minimums", {}).items()} or None
    rules = Rules.of_era(era_of(release), release, minimums)
    target = number(case.get("target", ""))
    ignore = flag(case.get("ignore_agent_versions", "false"))
    match case["call"]:
        case "set":
            assert target
            return Answer(target, checks.set_version_refusal(facts, target, rules, ignore_agent_versions=ignore))
        case "validate":
            return Answer(refusal=checks.validate_model_upgrade(facts))
        case "abort":
            return Answer(refusal=checks.abort_refusal(facts))
        case "read":
            return Answer(refusal=checks.read_refusal(facts))
        case "upgrade":
            request = serverside.UpgradeRequest(target, flag(case.get("dry_run", "false")), ignore)
            available = [Number.parse(word) for word in case.get("available", "").split()]
            return serverside.upgrade_model(facts, request, rules, available)
    raise AssertionError(f"row {case['id']}: unknown call {case['call']}")


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in TABLE["cases"]])
def test_the_row(case: dict[str, Any]) -> None:
    answer = ask(case)
    assert (answer.refusal.text if answer.refusal else None) == case.get("text")
    if answer.refusal:
        assert answer.refusal.rule
        assert answer.in_result is (case["call"] == "upgrade" and "frame" not in case)
    if "chosen" in case:
        assert str(answer.chosen) == case["chosen"]
        assert answer.rule


@pytest.mark.parametrize(
    ("facade", "method", "allowed"),
    [
        ("Client", "FullStatus", True),
        ("Client", "FindTools", True),
        ("Client", "AbortCurrentUpgrade", True),
        ("SSHClient", "PublicAddress", True),
        ("SSHClient", "PublicKeys", True),
        ("SSHClient", "Proxy", True),
        ("Pinger", "Ping", True),
        ("Backups", "FinishRestore", True),
        ("Client", "SetModelAgentVersion", False),
        ("ModelConfig", "ModelGet", False),
        ("ModelUpgrader", "UpgradeModel", False),
        ("Backups", "Create", False),
    ],
)
def test_what_works_in_upgrade_mode(facade: str, method: str, allowed: bool) -> None:
    refusal = checks.upgrade_mode_refusal(facade, method)
    assert (refusal is None) is allowed
    if refusal:
        assert refusal.text == "upgrade in progress (upgrade in progress)"


def test_agents_may_not_log_in_in_upgrade_mode() -> None:
    refusal = checks.agent_login_refusal("machine-1")
    assert refusal.text == "login for machine 1 blocked because upgrade is in progress"
    assert (
        checks.agent_login_refusal("unit-ubuntu-0").text
        == "login for unit ubuntu/0 blocked because upgrade is in progress"
    )
    with pytest.raises(UsageError):
        checks.agent_login_refusal("nobody")


def test_a_refusal_prints_its_code_only_where_it_has_one() -> None:
    assert Refusal("no").text == "no"
    assert Refusal("no", "not found").text == "no (not found)"
