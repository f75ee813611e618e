"""The rules of a rollout, by example and by simulation."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jujulab.rollout import model, rules
from jujulab.rollout.model import IN_FLIGHT, TERMINAL, Agent, Binary, Machine, Options, Phase, Upgrade
from jujulab.rollout.rules import Act, Busy, Change, Limits, Result, decide
from jujulab_core.errors import UsageError

LIMITS = Limits()


def machine(number: int, phase: Phase = Phase.PENDING, *, units: int = 1, **fields: object) -> Machine:
    agent_fields = {key: fields.pop(key) for key in ("version", "connected", "status", "message") if key in fields}
    defaults = {"version": "2.6.4", "connected": True, "status": "started", "message": "", "reason": ""}
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
        old_binary="2.6.4-bionic-amd64",
        agents=agents,
        **{**known, **fields},  # type: ignore[arg-type]
    )


def upgrade(*machines: Machine, options: Options | None = None, status: str = "running") -> Upgrade:
    return Upgrade(1, "default", False, "2.6.4", "2.6.10", status, 0.0, options or Options(), machines)


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


def test_a_machine_that_is_being_swapped_by_nobody_is_swapped_again() -> None:
    found = upgrade(machine(0, Phase.SWAPPING, deadline=100.0))
    assert decide(found, {}, 5.0).acts == (("0", Act.SWAP),)
    assert decide(found, {"0": Busy(Act.SWAP)}, 5.0).acts == ()
    assert decide(found, {"0": Busy(Act.SWAP, until=9.0)}, 5.0) == rules.Decision(wake=9.0)


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
        (machine(0, Phase.SWAPPING, deadline=1.0), "its agents could not be exchanged within 120 s"),
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
    assert decide(found, {}, LIMITS.restart + 1) == rules.Decision(wake=LIMITS.steps)
    (change,) = decide(found, {}, LIMITS.steps + 1).changes
    assert change.reason == "machine-0 is error: upgrade to 2.6.10 failed (will retry): no disk"


def test_a_dead_agents_binary_is_staged_over_ssh_after_a_while() -> None:
    found = upgrade(machine(0, connected=False))
    assert decide(found, {}, LIMITS.stage_help - 1).acts == ()
    assert decide(found, {}, LIMITS.stage_help + 1).acts == (("0", Act.STAGE),)
    assert decide(found, {"0": Busy(Act.STAGE)}, LIMITS.stage_help + 1).acts == ()


def test_a_silent_agents_machine_is_asked_whether_it_runs_at_all() -> None:
    found = upgrade(machine(0, Phase.RESTARTING, deadline=LIMITS.restart, connected=False))
    assert decide(found, {}, LIMITS.look - 1) == rules.Decision(wake=LIMITS.look)
    assert decide(found, {}, LIMITS.look).acts == (("0", Act.LOOK),)
    assert decide(found, {"0": Busy(Act.LOOK)}, LIMITS.look).acts == ()
    assert decide(found, {"0": Busy(Act.LOOK, until=15.0)}, LIMITS.look) == rules.Decision(wake=15.0)
    assert rules.after(found, "0", Result(Act.LOOK, True), 11.0) is None
    assert rules.after(found, "0", Result(Act.LOOK, False, "gone"), 11.0) == Change("0", Phase.FAILED, "gone")
    talking = upgrade(machine(0, Phase.RESTARTING, deadline=LIMITS.restart))
    assert decide(talking, {}, LIMITS.look).acts == ()


def test_health_time_is_counted_from_the_last_report() -> None:
    options = Options(health_time=10.0)
    up = {"version": "2.6.10", "deadline": 100.0}
    assert decide(upgrade(machine(0, Phase.RESTARTING, **up), options=options), {}, 5.0).changes[0].phase == "verifying"
    verifying = machine(0, Phase.VERIFYING, since=5.0, **up)
    assert decide(upgrade(verifying, options=options), {}, 14.0) == rules.Decision(wake=15.0)
    assert decide(upgrade(verifying, options=options), {}, 15.0).changes[0].phase is Phase.DONE
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
    assert [list(wave) for wave in rules.waves([str(n) for n in range(count)], options)] == expected


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


def test_a_failed_machine_is_put_back_only_where_that_was_asked_for() -> None:
    failed = machine(0, Phase.FAILED)
    assert decide(upgrade(failed), {}, 1.0).status == "failed"
    careful = upgrade(failed, options=Options(canary=1, rollback=True))
    assert decide(careful, {}, 1.0) == rules.Decision(acts=(("0", Act.ROLL_BACK),))
    change = rules.after(careful, "0", Result(Act.ROLL_BACK, True), 1.0)
    assert change is not None
    assert change.phase is Phase.ROLLED_BACK
    change = rules.after(careful, "0", Result(Act.ROLL_BACK, False, "no way in"), 1.0)
    assert change is not None
    assert change.phase is Phase.STRANDED
    assert "no way in" in change.reason


@pytest.mark.parametrize("text", ["x", "-1", "101%", "%", "1.5"])
def test_a_share_must_be_a_number_or_a_percentage(text: str) -> None:
    with pytest.raises(UsageError, match="--batch"):
        model.Options.from_wire({"batch": text})


@st.composite
def worlds(draw: st.DrawFn) -> tuple[int, Options, list[tuple[bool, bool]]]:
    count = draw(st.integers(1, 6))
    options = Options(
        canary=draw(st.integers(0, 2)),
        batch=draw(st.sampled_from(["", "1", "2", "50%"])),
        max_failures=draw(st.sampled_from(["", "0", "1", "50%"])),
        rollback=draw(st.booleans()),
    )
    return count, options, draw(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=count, max_size=count))


@settings(max_examples=300, deadline=None)
@given(worlds())
def test_every_upgrade_ends_and_no_wave_overlaps_the_next(world: tuple[int, Options, list[tuple[bool, bool]]]) -> None:
    count, options, fates = world
    state = upgrade(*(machine(number, Phase.STAGING, **STAGED) for number in range(count)), options=options)
    wave_of = {
        name: at for at, wave in enumerate(rules.waves([m.id for m in state.machines], options)) for name in wave
    }
    now, status, stopped_with = 0.0, None, None
    for _ in range(200):
        decision = decide(state, {}, now)
        state = rules.apply(state, decision.changes, now)
        in_flight = {wave_of[m.id] for m in state.machines if m.phase in IN_FLIGHT}
        assert len(in_flight) <= 1
        swapped = {m.id for m in state.machines if m.phase is not Phase.SKIPPED and m.phase not in model.WAITING}
        if rules.must_stop(state.machines, options):
            stopped_with = swapped if stopped_with is None else stopped_with
            assert swapped <= stopped_with
        status = decision.status
        if status:
            break
        for name, act in decision.acts:
            swap_ok, starts = fates[int(name)]
            change = rules.after(state, name, Result(act, swap_ok or act is Act.ROLL_BACK, "broken"), now)
            if change:
                state = rules.apply(state, [change], now)
            if act is Act.SWAP and swap_ok and starts:
                machines = tuple(
                    machine(int(m.id), m.phase, version="2.6.10", deadline=m.deadline) if m.id == name else m
                    for m in state.machines
                )
                state = upgrade(*machines, options=options)
        now = max(decision.wake or now, now) + 1
    assert status in ("complete", "failed")
    assert all(m.phase in TERMINAL for m in state.machines)
    if all(swap_ok and starts for swap_ok, starts in fates):
        assert status == "complete"
