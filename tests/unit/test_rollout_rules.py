"""The rules of a rollout, by example and by simulation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jujulab.rollout import acts, phases, rules, waves
from jujulab.rollout.acts import Act, Busy, Change, Limits, Result
from jujulab.rollout.applied import apply
from jujulab.rollout.checks import Opinion, Verdict
from jujulab.rollout.model import Agent, Binary, Machine, Upgrade
from jujulab.rollout.phases import Phase
from jujulab.rollout.rules import decide
from jujulab_core.errors import UsageError
from jujulab_core.rollout import Check, Options

LIMITS = Limits()


def machine(number: int, phase: Phase = Phase.PENDING, *, units: int = 1, **fields: object) -> Machine:
    defaults: dict[str, object] = {"version": "2.6.4", "connected": True, "status": "started", "message": ""}
    defaults |= {
        "reason": "",
        "spoken": True,
        "connected_since": 0.0,
        "logins": 2,
        "logins_before": 0 if phase in phases.WAITING else 1,
    }
    agent_fields = {key: fields.pop(key) for key in defaults if key in fields}
    tags = [f"machine-{number}", *(f"unit-ubuntu-{number * 10 + unit}" for unit in range(units))]
    agents = tuple(Agent(tag=tag, phase=phase, **{**defaults, **agent_fields}) for tag in tags)  # type: ignore[arg-type]
    known = {
        "stage_state": "",
        "stage_reason": "",
        "staged": "",
        "since": 0.0,
        "deadline": None,
        "binary": Binary("2.6.10-bionic-amd64", "https://controller/tools", "00", 1),
    }
    return Machine(
        id=str(number),
        address="10.0.0.1",
        instance_id=f"juju-1-{number}",
        host_key="ssh-ed25519 AAAA",
        old="2.6.4",
        old_binary="2.6.4-bionic-amd64",
        agents=agents,
        **{**known, **fields},  # type: ignore[arg-type]
    )


def upgrade(*machines: Machine, options: Options | None = None, status: str = "running", **fields: Any) -> Upgrade:
    told = {"roll_back": False, "accepted": frozenset()} | fields
    return Upgrade(
        1, "default", False, "2.6.4", "2.6.10", status, options=options or Options(), machines=machines, **told
    )


STAGED = {"stage_state": "staged", "staged": "2.6.10"}


def test_a_staged_machine_is_swapped_and_it_is_written_first() -> None:
    decision = decide(upgrade(machine(0, Phase.STAGING, **STAGED)), {}, 5.0)
    assert decision.changes == (Change("0", Phase.SWAPPING, deadline=5.0 + LIMITS.swap),)
    assert decision.acts == (("0", Act.SWAP),)


def test_a_machine_that_runs_the_new_version_already_is_done_in_its_turn() -> None:
    found = machine(0, version="2.6.10", staged="2.6.4", stage_state="staged")
    assert decide(upgrade(found), {}, 5.0).changes == (Change("0", Phase.DONE),)
    assert decide(upgrade(found), {}, 5.0).status == "complete"
    waiting = upgrade(machine(1), found, options=Options(canary=1))
    assert [change.machine for change in decide(waiting, {}, 9999.0).changes] == ["1"]


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.STAGING, Phase.STAGED])
@pytest.mark.parametrize(
    ("options", "expected"),
    [(Options(), Phase.DONE), (Options(health_time=9.0, careful=True), Phase.VERIFYING)],
)
def test_what_runs_the_new_version_already_still_has_to_pass_the_gate(
    phase: Phase, options: Options, expected: Phase
) -> None:
    found = upgrade(machine(0, phase, version="2.6.10"), options=options)
    (change,) = decide(found, {}, 5.0).changes
    assert change.phase is expected
    assert phases.allowed(phase, expected)


def test_a_machine_that_is_being_swapped_by_nobody_is_swapped_again() -> None:
    found = upgrade(machine(0, Phase.SWAPPING, deadline=100.0))
    assert decide(found, {}, 5.0).acts == (("0", Act.SWAP),)
    assert decide(found, {"0": Busy(Act.SWAP)}, 5.0).acts == ()
    assert decide(found, {"0": Busy(Act.SWAP, until=9.0)}, 5.0) == acts.Decision(wake=9.0)


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.STAGED, Phase.RESTARTING, Phase.RETURNING, Phase.VERIFYING])
def test_while_the_controller_upgrades_itself_nobody_begins_and_nobodys_time_runs(phase: Phase) -> None:
    away = machine(0, phase, connected=False, deadline=1000.0, **(STAGED if phase is Phase.STAGED else {}))
    held = upgrade(away, options=Options(canary=1, careful=True, rollback=True), held=True)
    most = LIMITS.stage if phase in phases.WAITING else LIMITS.restart
    assert decide(held, {}, 1000.0 - most / 2 - 1) == acts.Decision(wake=1000.0 - most / 2)
    for now in (1000.0 - most / 2, 2000.0):
        decision = decide(held, {}, now)
        assert decision.changes == (Change("0", phase, deadline=now + most),)
        assert decision.acts == ()
    later = apply(held, decision.changes, 2000.0)
    freed = decide(replace(later, held=False), {}, 2000.0 + most / 2 - 1)
    assert not [change for change in freed.changes if change.phase in (Phase.FAILED, *phases.GOING_BACK)]


@pytest.mark.parametrize("phase", [Phase.RESTARTING, Phase.RETURNING, Phase.VERIFYING])
def test_agents_that_log_in_again_because_the_controller_started_anew_get_the_time_for_it(phase: Phase) -> None:
    options = Options(health_time=600.0, careful=True, rollback=True)
    away = machine(0, phase, version="2.6.10", connected=False, deadline=650.0, logins_before=1)
    lost = upgrade(away, options=options, controller_since=990.0)
    for now in (1000.0, 990.0 + LIMITS.restart - 1):
        changes = decide(lost, {}, now).changes
        assert all(change.phase is Phase.RESTARTING for change in changes)
    (missed,) = decide(lost, {}, 990.0 + LIMITS.restart).changes
    assert missed.phase is (Phase.STRANDED if phase is Phase.RETURNING else Phase.ROLLING_BACK)


def test_a_machine_that_was_being_exchanged_gets_its_exchange_also_while_the_controller_upgrades_itself() -> None:
    found = upgrade(machine(0, Phase.SWAPPING, deadline=100.0), held=True)
    assert decide(found, {}, 5.0).acts == (("0", Act.SWAP),)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"version": "2.6.10"}, Phase.DONE),
        ({"version": "2.6.10", "connected": False}, None),
        ({"version": "2.6.10", "status": "down"}, None),
        ({"version": "2.6.10", "message": "upgrading to 2.6.10"}, None),
        ({"version": "2.6.4"}, None),
    ],
)
def test_only_the_new_process_itself_ends_the_restart(fields: dict[str, object], expected: Phase | None) -> None:
    changes = decide(upgrade(machine(0, Phase.RESTARTING, deadline=100.0, **fields)), {}, 5.0).changes
    assert [change.phase for change in changes] == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (machine(0, Phase.RESTARTING, deadline=1.0, connected=False), "machine-0 has not logged in again"),
        (machine(0, Phase.RESTARTING, deadline=1.0), "machine-0 reports 2.6.4 instead of 2.6.10"),
        (
            machine(
                0, Phase.RESTARTING, version="2.6.10", status="error", message="upgrade to 2.6.10 failed (giving up)"
            ),
            "machine-0: upgrade to 2.6.10 failed (giving up)",
        ),
        (machine(0, Phase.STAGING, deadline=1.0, stage_state="failed", stage_reason="no disk"), "no disk"),
        (machine(0, Phase.PENDING, deadline=1.0, connected=False), "SSH did not help"),
    ],
)
def test_every_phase_ends_in_a_failure_with_its_reason(found: Machine, reason: str) -> None:
    (change,) = decide(upgrade(found), {}, 2.0).changes
    assert change.phase is Phase.FAILED
    assert reason in change.reason


def test_an_agent_that_runs_its_upgrade_steps_has_longer() -> None:
    busy = {"version": "2.6.10", "status": "error", "message": "upgrade to 2.6.10 failed (will retry): no disk"}
    found = upgrade(machine(0, Phase.RESTARTING, deadline=LIMITS.restart, **busy))
    (longer,) = decide(found, {}, LIMITS.restart + 1).changes
    assert (longer.phase, longer.deadline) == (Phase.RESTARTING, LIMITS.steps)
    found = apply(found, [longer], LIMITS.restart + 1)
    (change,) = decide(found, {}, LIMITS.steps + 1).changes
    assert change.reason == "machine-0 is error: upgrade to 2.6.10 failed (will retry): no disk"


def test_a_dead_agents_binary_is_staged_over_ssh_after_a_while() -> None:
    found = upgrade(machine(0, connected=False))
    assert decide(found, {}, LIMITS.stage_help - 1).acts == ()
    assert decide(found, {}, LIMITS.stage_help + 1).acts == (("0", Act.STAGE),)
    assert decide(found, {"0": Busy(Act.STAGE)}, LIMITS.stage_help + 1).acts == ()


def test_a_silent_agents_machine_is_asked_whether_it_runs_at_all() -> None:
    found = upgrade(machine(0, Phase.RESTARTING, deadline=LIMITS.restart, connected=False))
    assert decide(found, {}, LIMITS.look - 1) == acts.Decision(wake=LIMITS.look)
    assert decide(found, {}, LIMITS.look).acts == (("0", Act.LOOK),)
    assert decide(found, {"0": Busy(Act.LOOK)}, LIMITS.look).acts == ()
    assert decide(found, {"0": Busy(Act.LOOK, until=15.0)}, LIMITS.look) == acts.Decision(wake=15.0)
    assert rules.after(found, "0", Result(Act.LOOK, True), 11.0).changes == ()
    ended = rules.after(found, "0", Result(Act.LOOK, False, "gone"), 11.0)
    assert ended.changes == (Change("0", Phase.FAILED, "gone"),)
    talking = upgrade(machine(0, Phase.RESTARTING, deadline=LIMITS.restart))
    assert decide(talking, {}, LIMITS.look).acts == ()


def test_health_time_is_counted_from_the_last_report() -> None:
    options = Options(health_time=10.0)
    up = {"version": "2.6.10", "deadline": 100.0}
    assert decide(upgrade(machine(0, Phase.RESTARTING, **up), options=options), {}, 5.0).changes[0].phase == "verifying"
    verifying = machine(0, Phase.VERIFYING, since=5.0, **up)
    assert decide(upgrade(verifying, options=options), {}, 14.0) == acts.Decision(wake=15.0)
    assert decide(upgrade(verifying, options=options), {}, 15.0).changes[0].phase is Phase.DONE
    crashed = machine(0, Phase.VERIFYING, since=5.0, **up, connected_since=13.0)
    (change,) = decide(upgrade(crashed, options=options), {}, 14.0).changes
    assert (change.phase, change.reason) == (Phase.RESTARTING, "machine-0 did not stay healthy")
    shaky = machine(0, Phase.VERIFYING, since=5.0, **{**up, "connected": False})
    assert decide(upgrade(shaky, options=options), {}, 14.0).changes[0].phase is Phase.RESTARTING


@pytest.mark.parametrize(
    ("count", "options", "expected"),
    [
        (3, Options(), [["0", "1", "2"]]),
        (0, Options(), []),
        (5, Options(canary=1), [["0"], ["1", "2", "3", "4"]]),
        (5, Options(canary=1, batch="25%"), [["0"], ["1", "2"], ["3", "4"]]),
        (5, Options(batch="2"), [["0", "1"], ["2", "3"], ["4"]]),
        (3, Options(batch="1%"), [["0"], ["1"], ["2"]]),
        (2, Options(canary=5), [["0", "1"]]),
    ],
)
def test_waves(count: int, options: Options, expected: list[list[str]]) -> None:
    assert [list(wave) for wave in waves.waves([str(n) for n in range(count)], options)] == expected


def test_a_wave_begins_when_the_one_before_it_has_ended() -> None:
    options = Options(canary=1)
    staged = [machine(number, Phase.STAGED, **STAGED) for number in range(3)]
    assert decide(upgrade(*staged, options=options), {}, 1.0).acts == (("0", Act.SWAP),)
    staged[0] = machine(0, Phase.DONE)
    assert [entry[0] for entry in decide(upgrade(*staged, options=options), {}, 1.0).acts] == ["1", "2"]
    assert decide(upgrade(*staged, options=options, status="paused"), {}, 1.0).acts == ()


def test_the_stop_rule_lets_nothing_more_begin() -> None:
    options = Options(canary=1)
    found = upgrade(machine(0, Phase.FAILED), machine(1, Phase.STAGED, **STAGED), options=options)
    decision = decide(found, {}, 1.0)
    assert [(change.machine, change.phase) for change in decision.changes] == [("1", Phase.SKIPPED)]
    assert decision.acts == ()
    assert decision.status == "failed"


def test_nobody_begins_by_the_decision_that_trips_the_stop_rule() -> None:
    late = machine(0, Phase.RESTARTING, deadline=1.0)
    under_way = machine(1, Phase.SWAPPING, deadline=99.0)
    found = upgrade(late, under_way, machine(2, Phase.STAGED, **STAGED), options=Options(max_failures="0"))
    decision = decide(found, {}, 2.0)
    assert [(change.machine, change.phase) for change in decision.changes] == [("0", Phase.FAILED)]
    assert decision.acts == (("1", Act.SWAP),)
    again = decide(apply(found, decision.changes, 2.0), {"1": Busy(Act.SWAP)}, 2.0)
    assert [(change.machine, change.phase) for change in again.changes] == [("2", Phase.SKIPPED)]


def test_an_exchange_that_was_begun_by_another_is_done_even_when_it_is_late() -> None:
    found = upgrade(machine(0, Phase.SWAPPING, deadline=1.0))
    assert decide(found, {}, 2.0).acts == (("0", Act.SWAP),)
    tried = rules.after(found, "0", Result(Act.SWAP, False, "no way in", unreachable=True), 3.0).changes
    assert tried == (Change("0", Phase.SWAPPING, "unreachable: no way in", 1.0),)
    (change,) = decide(apply(found, tried, 3.0), {"0": Busy(Act.SWAP, until=8.0)}, 4.0).changes
    assert change == Change("0", Phase.FAILED, "unreachable: its agents could not be exchanged in time: no way in")
    up = upgrade(machine(0, Phase.SWAPPING, deadline=1.0, version="2.6.10"))
    (change,) = decide(up, {"0": Busy(Act.SWAP, until=8.0)}, 4.0).changes
    assert change.phase is Phase.RESTARTING


def test_a_machine_goes_back_only_where_that_was_asked_for_and_must_say_so_itself() -> None:
    late = machine(0, Phase.RESTARTING, deadline=1.0)
    assert decide(upgrade(late), {}, 2.0).changes[0].phase is Phase.FAILED
    state = upgrade(late, options=Options(canary=1, rollback=True))
    (change,) = decide(state, {}, 2.0).changes
    assert (change.phase, change.deadline) == (Phase.ROLLING_BACK, 2.0 + LIMITS.swap)
    state = apply(state, [change], 2.0)
    assert decide(state, {}, 3.0).acts == (("0", Act.ROLL_BACK),)
    (change,) = rules.after(state, "0", Result(Act.ROLL_BACK, True), 4.0).changes
    state = apply(state, [change], 4.0)
    # It says the old version still, not again.
    assert decide(state, {}, 5.0).changes == ()
    (lost,) = decide(state, {}, 5.0 + LIMITS.restart).changes
    assert lost.phase is Phase.STRANDED
    assert lost.reason == (
        "machine-0 reports 2.6.4 instead of 2.6.10; going back failed: machine-0 is still the process from before the "
        "exchange; by hand: jujulab ssh -m default 0 sudo upgradectl swap by-hand 2.6.4-bionic-amd64 machine-0 "
        "unit-ubuntu-0"
    )
    back = tuple(replace(agent, logins=3) for agent in state.machines[0].agents)
    state = replace(state, machines=(replace(state.machines[0], agents=back),))
    (change,) = decide(state, {}, 5.0).changes
    assert change == Change("0", Phase.ROLLED_BACK, "machine-0 reports 2.6.4 instead of 2.6.10")


def test_the_last_word_of_the_process_before_does_not_count() -> None:
    said = {"status": "error", "message": "upgrade to 2.6.10 failed (giving up): x", "version": "2.6.10"}
    back = machine(0, Phase.RETURNING, deadline=99.0, **said)
    assert decide(upgrade(back), {}, 2.0).changes == ()
    before = machine(0, Phase.RESTARTING, deadline=99.0, **said, logins=1)
    assert decide(upgrade(before), {}, 2.0).changes == ()


def test_the_way_back_is_tried_again_and_its_reason_keeps_the_cause() -> None:
    state = upgrade(machine(0, Phase.ROLLING_BACK, reason="it is bad", deadline=100.0))
    (change,) = rules.after(state, "0", Result(Act.ROLL_BACK, False, "no way in", unreachable=True), 4.0).changes
    assert change == Change("0", Phase.ROLLING_BACK, "it is bad; going back failed: unreachable: no way in", 100.0)
    state = apply(state, [change], 4.0)
    assert decide(state, {"0": Busy(Act.ROLL_BACK, until=9.0)}, 5.0).wake == 9.0
    assert decide(state, {"0": Busy(Act.ROLL_BACK, until=9.0)}, 9.0).acts == (("0", Act.ROLL_BACK),)
    (change,) = decide(state, {"0": Busy(Act.ROLL_BACK, until=9.0)}, 100.0).changes
    assert change.phase is Phase.STRANDED
    assert change.reason.startswith("it is bad; going back failed: its agents could not be exchanged in time: no way")


@pytest.mark.parametrize(
    ("before", "advice"),
    [
        (
            Binary("2.6.4-bionic-amd64", "https://10.0.0.9:17070/model/1/tools/2.6.4-bionic-amd64", "5a", 7),
            "jujulab ssh -m default 0 sudo upgradectl stage by-hand 2.6.4-bionic-amd64 "
            "https://10.0.0.9:17070/model/1/tools/2.6.4-bionic-amd64 5a 7 && ",
        ),
        (Binary("2.6.4-bionic-amd64", "https://10.0.0.9:17070/x", "", 0), "nobody offers 2.6.4-bionic-amd64 any more"),
    ],
)
def test_a_way_back_that_is_gone_is_staged_by_hand_first(before: Binary, advice: str) -> None:
    state = upgrade(machine(0, Phase.ROLLING_BACK, reason="it is bad", deadline=100.0, before=before))
    (change,) = rules.after(state, "0", Result(Act.ROLL_BACK, False, "it is gone", unstaged=True), 4.0).changes
    assert change.phase is Phase.STRANDED
    assert change.reason.startswith(f"it is bad; going back failed: it is gone; by hand: {advice}")
    assert change.reason.endswith(
        "jujulab ssh -m default 0 sudo upgradectl swap by-hand 2.6.4-bionic-amd64 machine-0 unit-ubuntu-0"
    )


def test_a_way_back_that_is_not_fetched_in_time_is_staged_by_hand_first() -> None:
    before = Binary("2.6.4-bionic-amd64", "https://10.0.0.9:17070/x", "5a", 7)
    state = upgrade(machine(0, Phase.ROLLING_BACK, reason="it is bad", deadline=100.0, before=before))
    (change,) = rules.after(state, "0", Result(Act.ROLL_BACK, False, f"{phases.INCOMPLETE}no room"), 4.0).changes
    assert change.phase is Phase.ROLLING_BACK
    state = apply(state, [change], 4.0)
    assert decide(state, {"0": Busy(Act.ROLL_BACK, until=9.0)}, 9.0).acts == (("0", Act.ROLL_BACK),)
    (change,) = decide(state, {"0": Busy(Act.ROLL_BACK, until=9.0)}, 100.0).changes
    assert change.phase is Phase.STRANDED
    assert change.reason == (
        "it is bad; going back failed: its agents could not be exchanged in time: the binary is gone: no room; "
        "by hand: "
        "jujulab ssh -m default 0 sudo upgradectl stage by-hand 2.6.4-bionic-amd64 https://10.0.0.9:17070/x 5a 7 && "
        "jujulab ssh -m default 0 sudo upgradectl swap by-hand 2.6.4-bionic-amd64 machine-0 unit-ubuntu-0"
    )


def test_an_abort_lets_those_end_that_are_under_way() -> None:
    found = [machine(0, Phase.DONE), machine(1, Phase.RESTARTING, deadline=99.0), machine(2), machine(3, Phase.FAILED)]
    decision = decide(upgrade(*found, status="aborting"), {}, 1.0)
    assert [(change.machine, change.phase) for change in decision.changes] == [("2", Phase.SKIPPED)]
    decision = decide(upgrade(*found, status="aborting", roll_back=True), {"1": Busy(Act.LOOK)}, 1.0)
    assert {change.machine: change.phase for change in decision.changes} == {
        "0": Phase.ROLLING_BACK,
        "2": Phase.SKIPPED,
        "3": Phase.ROLLING_BACK,
    }
    untouched = machine(0, Phase.FAILED, logins_before=0)
    ended = decide(upgrade(untouched, status="aborting", roll_back=True), {}, 1.0)
    assert (ended.changes, ended.status) == ((), "aborted")


CHECKED = Options(checks=(Check("web", "tcp", "80"),), careful=True)


def verifying(**fields: Any) -> Machine:
    return machine(0, Phase.VERIFYING, version="2.6.10", since=5.0, **{"deadline": 200.0, **fields})


def test_checks_are_asked_after_the_health_time_and_the_answer_counts() -> None:
    assert decide(upgrade(verifying(), options=replace(CHECKED, health_time=9.0)), {}, 6.0) == acts.Decision(wake=14.0)
    found = upgrade(verifying(), options=CHECKED)
    assert decide(found, {}, 6.0).acts == (("0", Act.CHECK),)
    assert decide(upgrade(verifying(), options=CHECKED, accepted={"0"}), {}, 6.0).changes[0].phase is Phase.DONE

    def after(verdict: Verdict, now: float, state: Upgrade = found) -> acts.Decision:
        return rules.after(state, "0", Result(Act.CHECK, False, opinion=Opinion(verdict, "web: why")), now)

    assert after(Verdict.GOOD, 7.0).changes[0].phase is Phase.DONE
    crashed = upgrade(verifying(connected_since=6.5), options=CHECKED)
    assert after(Verdict.GOOD, 7.0, crashed) == acts.Decision()
    assert after(Verdict.BAD, 7.0).changes == (Change("0", Phase.FAILED, "web: why"),)
    assert after(Verdict.CANNOT_TELL, 7.0) == acts.Decision()
    asked = after(Verdict.CANNOT_TELL, 35.0)
    assert asked.changes == (Change("0", Phase.VERIFYING, "cannot tell: web: why"),)
    assert asked.status == "paused"
    assert asked.reason == "cannot tell whether machine 0 is good: web: why"
    aborting = upgrade(verifying(), options=CHECKED, status="aborting")
    assert after(Verdict.CANNOT_TELL, 35.0, aborting).changes[0].phase is Phase.FAILED


def test_a_machine_that_nobody_can_tell_about_waits_for_a_human() -> None:
    stuck = verifying(reason="cannot tell: web: why", deadline=None)
    assert decide(upgrade(stuck, options=CHECKED, status="paused"), {}, 9999.0) == acts.Decision()
    (change,) = decide(upgrade(stuck, options=CHECKED), {}, 9999.0).changes
    assert (change.phase, change.reason) == (Phase.VERIFYING, "")
    (change,) = decide(upgrade(stuck, options=CHECKED, accepted={"0"}), {}, 9999.0).changes
    assert change.phase is Phase.DONE
    assert phases.owner(Phase.VERIFYING, stuck.reason) is phases.Owner.HUMAN


def test_an_agent_that_comes_and_goes_gets_no_more_time_by_it() -> None:
    options = Options(health_time=10.0, careful=True)
    state, now, seen = upgrade(machine(0, Phase.RESTARTING, deadline=90.0), options=options), 0.0, []
    while state.machines[0].phase in (Phase.RESTARTING, Phase.VERIFYING) and now < 1000:
        now += 4.0
        up = int(now) % 8 == 0
        agents = tuple(replace(agent, connected=up, version="2.6.10") for agent in state.machines[0].agents)
        state = replace(state, machines=(replace(state.machines[0], agents=agents),))
        changes = decide(state, {}, now).changes
        seen += [change.phase for change in changes]
        state = apply(state, changes, now)
    assert state.machines[0].phase is Phase.FAILED
    assert now <= 92.0
    assert Phase.VERIFYING in seen


def test_a_binary_that_is_gone_is_staged_over_ssh_whatever_the_agent_says() -> None:
    state = upgrade(machine(0, Phase.SWAPPING, deadline=99.0, **STAGED))
    changes = rules.after(state, "0", Result(Act.SWAP, False, "not complete", unstaged=True), 4.0).changes
    assert [change.phase for change in changes] == [Phase.STAGING]
    state = apply(state, changes, 4.0)
    assert decide(state, {}, 5.0).acts == (("0", Act.STAGE),)
    changes = rules.after(state, "0", Result(Act.STAGE, False, "no disk"), 6.0).changes
    assert changes[0].reason == "the binary is gone: no disk"
    (change,) = decide(apply(state, changes, 6.0), {}, 700.0).changes
    assert (change.phase, change.reason) == (Phase.FAILED, "the binary is gone: no disk")
    (change,) = rules.after(state, "0", Result(Act.STAGE, True), 7.0).changes
    assert change.phase is Phase.STAGED


@pytest.mark.parametrize(
    ("reason", "fields", "expected"),
    [
        ("unreachable: its agent is away: x", {"connected": False}, None),
        ("unreachable: its agent is away: x", {}, Phase.PENDING),
        ("unreachable: its agent is away: x", {"version": "2.6.10"}, Phase.PENDING),
        ("unreachable: x", {}, None),
        ("no binary: x", {}, None),
        ("no binary: x", STAGED, Phase.PENDING),
        ("it is bad", {"version": "2.6.10"}, None),
    ],
)
def test_who_comes_late_goes_on_by_itself(reason: str, fields: dict[str, Any], expected: Phase | None) -> None:
    found = upgrade(machine(0, Phase.FAILED, reason=reason, **fields), status="failed")
    decision = decide(found, {}, 5.0)
    assert [change.phase for change in decision.changes] == ([expected] if expected else [])
    assert decision.status is None
    assert decide(replace(found, status="aborting"), {}, 5.0).changes == ()


def test_a_failed_upgrade_is_complete_once_the_last_has_come() -> None:
    assert decide(upgrade(machine(0, Phase.DONE), status="failed"), {}, 5.0).status == "complete"


def test_nobody_begins_while_a_machine_of_another_wave_is_under_way() -> None:
    again = [machine(0, **STAGED), machine(1, Phase.RESTARTING, deadline=99.0)]
    assert decide(upgrade(*again, options=Options(batch="1")), {}, 5.0).acts == ()


@pytest.mark.parametrize("text", ["x", "-1", "101%", "%", "1.5"])
def test_a_share_must_be_a_number_or_a_percentage(text: str) -> None:
    with pytest.raises(UsageError, match="--batch"):
        Options.from_wire({"batch": text})
