"""The checker against histories made by hand: each invariant held, broken in several ways, and not to be told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jujulab.history.checker import INVARIANTS, check
from jujulab.history.event import Event, Kind
from jujulab.history.in_rollout import failures_borne, most_at_once
from jujulab.history.verdict import State, Verdict
from tests.unit.histories import (
    MODEL,
    NEW,
    OLD,
    OWN,
    SHA,
    TAGS,
    Maker,
    change,
    damaged,
    fetch,
    good,
    machine,
    model,
    own,
    places,
    published,
    record,
    server,
    upgrade,
)

GOOD = good()


def verdict(events: list[Event], number: int) -> Verdict:
    return check(events).verdicts[number - 1][1]


def seen(*pairs: tuple[str, Any]) -> list[Event]:
    make = Maker()
    for function, value in pairs:
        make.see(function, value)
    return make.events


def last(how: Callable[[dict[str, Any]], None]) -> list[Event]:
    """The good history with its settled end changed."""
    return damaged(GOOD, len(GOOD) - 1, how)


def test_a_good_history_holds_in_everything() -> None:
    report = check(GOOD)
    assert {found.state for _, found in report.verdicts} == {State.HOLDS}
    assert all(found.checked for _, found in report.verdicts)
    assert report.holds
    assert report.first_violation is None


def test_an_empty_history_tells_nothing() -> None:
    report = check([])
    assert {found.state for _, found in report.verdicts} == {State.UNKNOWN}
    assert all(found.text for _, found in report.verdicts)
    assert report.holds


def test_the_nine_are_the_designs() -> None:
    assert [invariant.number for invariant in INVARIANTS] == list(range(1, 10))


def _incomplete(value: Any) -> None:
    value["tools"][OLD]["complete"] = False


def _dangling(value: Any) -> None:
    value["tools"] = {}


def _other_version(value: Any) -> None:
    value["models"][0]["agents"]["machine-1"]["version"] = "2.6.4"


def _old_code(value: Any) -> None:
    value["machines"][2]["agents"]["unit-ubuntu-2"]["current"] = False


def _dead(value: Any) -> None:
    del value["machines"][2]["agents"]["machine-2"]


def _server_behind(value: Any) -> None:
    value["machines"][3]["agents"]["controller"]["version"] = "2.6.12"


def _from_elsewhere(value: Any) -> None:
    value["machines"][0]["tools"][NEW]["sha256"] = "f" * 64


def _other_program(value: Any) -> None:
    value["machines"][0]["tools"][NEW]["jujud-sha256"] = "f" * 64


def _bad_blob(value: Any) -> None:
    value["machines"][3]["blobs"][SHA[NEW]] = "f" * 64


def _still_going(value: Any) -> None:
    value["upgrades"][0]["status"] = "running"


def _left_behind(value: Any) -> None:
    value["upgrades"][0]["agents"]["unit-ubuntu-1"]["phase"] = "staging"


def _no_reason(value: Any) -> None:
    value["upgrades"][0]["agents"]["machine-1"]["phase"] = "failed"


def _paused_for_nothing(value: Any) -> None:
    value["upgrades"][0]["status"] = "paused"


def _gone_record(value: Any) -> None:
    value["records"] = []


def _other_record(value: Any) -> None:
    value["records"][0]["from"] = "2.6.5"


def _gone_change(value: Any) -> None:
    del value["changes"]["3"]


def _rewritten_change(value: Any) -> None:
    value["changes"]["3"] = "0" * 12


def _new_workload(value: Any) -> None:
    value["machines"][1]["workloads"]["ubuntu-1"] = {"pid": 99, "start": 999}


def _no_workload(value: Any) -> None:
    value["machines"][1]["workloads"] = {}


@pytest.mark.parametrize(
    ("number", "how", "text"),
    [
        (2, _other_version, "reports 2.6.4, and its link leads to 2.6.10"),
        (2, _old_code, "runs code from before its link was moved"),
        (2, _dead, "does not run"),
        (2, _server_behind, "the controller beside it runs 2.6.12"),
        (4, _from_elsewhere, "which was never offered"),
        (4, _other_program, "is not the program that was published"),
        (4, _bad_blob, "the controller's cache holds"),
        (7, _still_going, "it is running although all has settled"),
        (7, _left_behind, "unit-ubuntu-1 is still staging"),
        (7, _no_reason, "machine-1 is failed without a reason"),
        (7, _paused_for_nothing, "paused without a reason"),
        (8, _new_workload, "process 50 became 99"),
        (8, _no_workload, "has ended"),
        (9, _gone_record, "the record of upgrade 1 is gone"),
        (9, _other_record, "is of another upgrade"),
        (9, _gone_change, "change 3 of an upgrade"),
        (9, _rewritten_change, "change 3 of an upgrade"),
    ],
)
def test_a_damaged_end_is_noticed(number: int, how: Callable[[Any], None], text: str) -> None:
    found = verdict(last(how), number)
    assert found.state is State.VIOLATED
    assert text in found.text
    assert found.evidence


# 1: links and directories.


@pytest.mark.parametrize("how", [_incomplete, _dangling])
def test_a_link_to_nothing_is_noticed_at_once(how: Callable[[Any], None]) -> None:
    events = damaged(GOOD, places(GOOD, "machine")[0], how)
    found = verdict(events, 1)
    assert found.state is State.VIOLATED
    assert found.evidence == (events[places(GOOD, "machine")[0]],)


# 3: never above the controller.


def test_an_agent_above_its_controller_is_noticed_wherever_it_shows() -> None:
    reported = seen(("controller", {"version": "2.6.5"}), ("model", model(NEW)))
    assert "machine-0 runs 2.6.10, and the controller 2.6.5" in verdict(reported, 3).text
    running = seen(("controller", {"version": "2.6.5"}), ("model", own("2.6.5")), ("machine", machine(0, NEW)))
    assert verdict(running, 3).state is State.VIOLATED
    # The controller may have come up to it between two looks; and its own agent is its own.
    later = seen(("controller", {"version": "2.6.5"}), ("model", model(NEW)), ("controller", {"version": "2.7.0"}))
    assert verdict(later, 3).state is State.HOLDS
    before = seen(("controller", {"version": "2.6.5"}), ("model", own("2.7.0")), ("machine", server("2.7.0")))
    assert verdict(before, 3).state is State.UNKNOWN
    assert verdict(seen(("model", model(NEW))), 3).state is State.UNKNOWN


# 4: what nobody saw offered is not known to be bad.


def test_what_was_not_seen_to_be_offered_is_told_apart() -> None:
    found = verdict(seen(("published", published()), ("machine", machine(0, OLD)), ("machine", server("2.7.0"))), 4)
    assert found.state is State.HOLDS
    assert "2.7.0-bionic-amd64 was not seen to be offered" in found.text
    assert verdict(seen(("machine", machine(0, OLD))), 4).state is State.UNKNOWN


# 5: waves and the stop rule.


@pytest.mark.parametrize(
    ("options", "count", "most", "borne"),
    [
        ({}, 7, 7, float("inf")),
        ({"canary": 1}, 7, 6, 0),
        ({"batch": "2"}, 7, 2, 0),
        ({"canary": 3, "batch": "2"}, 7, 3, 0),
        ({"batch": "25%"}, 7, 2, 0),
        ({"batch": "1%"}, 7, 1, 0),
        ({"batch": "25%", "max-failures": "50%"}, 7, 2, 3),
        ({"max-failures": "2"}, 7, 7, 2),
        ({"batch": "10", "max-failures": "100%"}, 3, 3, 3),
        ({"checks": [{"tcp": 22}]}, 3, 3, 0),
        ({"health-time": 5}, 51, 13, float("inf")),
        ({"canary": 1}, 100, 25, 0),
        ({"no-rollback": True}, 51, 51, float("inf")),
    ],
)
def test_the_limits_are_those_of_the_options(options: dict[str, Any], count: int, most: int, borne: float) -> None:
    assert most_at_once(options, count) == most
    assert failures_borne(options, count) == borne


def test_too_many_under_way_are_noticed() -> None:
    flying = upgrade(["swapping", "verifying", "staged"])
    assert "2 machines are under way (0, 1), and 1 are allowed" in verdict(seen(("upgrade", flying)), 5).text
    assert verdict(seen(("upgrade", upgrade(["rolled-back", "verifying", "staged"]))), 5).state is State.HOLDS
    free = upgrade(["swapping"] * 3, canary=0, batch="")
    assert verdict(seen(("upgrade", free)), 5).state is State.HOLDS
    # Going back is not held up.
    assert verdict(seen(("upgrade", upgrade(["rolling-back", "returning", "done"]))), 5).state is State.HOLDS


def test_a_machine_that_starts_after_the_stop_rule_tripped_is_noticed() -> None:
    tripped, started = upgrade(["failed", "staged", "staged"]), upgrade(["failed", "swapping", "staged"])
    found = verdict(seen(("upgrade", tripped), ("upgrade", started)), 5)
    assert found.text == "upgrade 1: machine 1 was started although 1 had failed and 0 are borne"
    assert len(found.evidence) == 2
    borne = [{**state, "options": {**state["options"], "max-failures": "1"}} for state in (tripped, started)]
    assert verdict(seen(*(("upgrade", state) for state in borne)), 5).state is State.HOLDS
    # Somebody asked to try the failed one again.
    retried = upgrade(["pending", "swapping", "staged"])
    assert verdict(seen(("upgrade", tripped), ("upgrade", retried)), 5).state is State.HOLDS
    skipped = upgrade(["failed", "skipped", "skipped"])
    assert verdict(seen(("upgrade", tripped), ("upgrade", skipped)), 5).state is State.HOLDS
    away = upgrade(["failed", "staged", "staged"])
    for agent in away["agents"].values():
        agent["reason"] = "unreachable: it does not answer" if agent["phase"] == "failed" else ""
    found = verdict(seen(("upgrade", away), ("upgrade", started)), 5)
    assert found.text == "upgrade 1: machine 1 was started although 1 could not be reached and 0 are borne"
    borne = [{**state, "options": {**state["options"], "max-unreachable": "1"}} for state in (away, started)]
    borne[1]["agents"] = borne[1]["agents"] | {tag: away["agents"][tag] for tag in ("machine-0", "unit-ubuntu-0")}
    assert verdict(seen(*(("upgrade", state) for state in borne)), 5).state is State.HOLDS
    going_back = upgrade(["rolling-back", "staged", "staged"])
    assert "1 had failed" in verdict(seen(("upgrade", going_back), ("upgrade", started)), 5).text


def test_a_machine_that_starts_before_its_turn_is_noticed() -> None:
    options = {"canary": 1, "batch": "2"}
    before = upgrade(["verifying", "staged", "staged"], **options)
    early = upgrade(["verifying", "swapping", "staged"], **options)
    found = verdict(seen(("upgrade", before), ("upgrade", early)), 5)
    assert found.text == "upgrade 1: machine 1 was started while 0, of a wave before, was verifying"
    at_once = upgrade(["done", "swapping", "swapping"], **options)
    assert verdict(seen(("upgrade", before), ("upgrade", at_once)), 5).state is State.HOLDS
    # It had ended, and was taken up again later.
    late = upgrade(["restarting", "swapping", "staged"], **options)
    ended = upgrade(["failed", "staged", "staged"], **options | {"max-failures": "1"})
    late["options"] = ended["options"]
    assert verdict(seen(("upgrade", ended), ("upgrade", late)), 5).state is State.HOLDS


def test_the_controllers_record_shows_what_no_look_saw() -> None:
    events = seen(("upgrade", upgrade(["staged", "staged", "staged"])))
    make = Maker()
    make.events = events
    for seq, (tag, phase, time) in enumerate(
        [("machine-0", "swapping", "t1"), ("machine-1", "swapping", "t2"), ("machine-0", "done", "t3")], 1
    ):
        make.see("upgrade-event", {**change(seq, tag, phase), "time": time})
    make.see("upgrade", upgrade(["done", "done", "staged"]))
    assert "2 machines are under way (0, 1)" in verdict(make.events, 5).text


def test_one_transaction_is_one_state() -> None:
    make = Maker()
    make.see("upgrade", upgrade(["staged", "staged", "staged"]))
    for seq, (tag, phase) in enumerate([("machine-1", "swapping"), ("machine-0", "done")], 2):
        make.see("upgrade-event", {**change(seq, tag, phase), "time": "t1"})
    make.see("upgrade-event", {**change(1, "machine-0", "swapping"), "time": "t0"})
    assert verdict(make.events, 5).state is State.HOLDS


# 6: fetches.


def test_a_second_fetch_is_noticed_unless_there_was_a_cause() -> None:
    make = Maker()
    make.see("published", published())
    make.see("fetch", fetch(NEW, 1))
    make.see("fetch", fetch(NEW, 1))
    assert verdict(make.events, 6).state is State.HOLDS
    make.see("fetch", {**fetch(NEW, 2), "status": 404})
    make.see("fetch", {**fetch(NEW, 3), "bytes": 10})
    assert verdict(make.events, 6).state is State.HOLDS
    make.see("fetch", fetch(NEW, 4))
    assert "was fetched from the internet twice" in verdict(make.events, 6).text
    for function, value in [
        ("kill", {"target": "controller"}),
        ("restart", {"target": "controller"}),
        ("fault", {"kind": "corrupt-binary", "target": "2.6.10"}),
        ("fault", {"arguments": {"kind": "missing-binary", "targets": ["2.6.10"]}}),
    ]:
        excused = Maker()
        excused.do(function, value)
        excused.events = [replace(event, time=0.0) for event in excused.events]
        at = 1_800_000_000.0 if function == "fault" else _epoch(2)
        excused.events = [replace(event, time=at) for event in excused.events]
        assert verdict([*excused.events, *make.events], 6).state is State.HOLDS, function
    other = Maker()
    other.do("kill", {"target": "machine 3"})
    assert verdict([*other.events, *make.events], 6).state is State.VIOLATED


@pytest.mark.parametrize(
    ("fault", "heal", "state"),
    [
        ({"kind": "slow-internet", "target": ""}, None, State.HOLDS),
        ({"kind": "slow-internet", "target": ""}, {"kind": "slow-internet", "targets": []}, State.VIOLATED),
        ({"kind": "slow-internet", "target": ""}, {"arguments": {"everything": True}}, State.VIOLATED),
        ({"kind": "slow-internet", "target": ""}, {"kind": "agent-stop", "targets": ["0"]}, State.HOLDS),
        # Nobody knows which that was.
        ({"kind": "slow-internet", "target": ""}, {"arguments": {"ids": ["1"]}}, State.HOLDS),
        ({"kind": "corrupt-binary", "target": "2.6.10"}, None, State.HOLDS),
        ({"kind": "corrupt-binary", "target": "2.6.1"}, None, State.VIOLATED),
        ({"arguments": {"kind": "corrupt-binary", "targets": ["2.6.5-bionic-amd64"]}}, None, State.VIOLATED),
    ],
)
def test_a_fault_excuses_what_it_is_about_until_it_is_mended(
    fault: dict[str, Any], heal: dict[str, Any] | None, state: State
) -> None:
    make = Maker()
    make.do("fault", fault)
    if heal is not None:
        make.do("heal", heal)
    # Long before the fetches.
    make.events = [replace(event, time=event.time - 10_000) for event in make.events]
    make.see("published", published())
    make.see("fetch", fetch(NEW, 1))
    make.see("fetch", fetch(NEW, 4))
    assert verdict(make.events, 6).state is state


def test_an_agent_above_its_controller_is_not_excused_by_what_the_controller_ran_much_later() -> None:
    make = Maker()
    make.see("controller", {"version": "2.6.5"})
    for _ in range(100):
        make.see("model", model(NEW))
    make.see("controller", {"version": "2.7.0"})
    assert "runs 2.6.10, and the controller 2.6.5" in verdict(make.events, 3).text


def _epoch(line: int) -> float:
    from datetime import datetime

    return datetime.fromisoformat(fetch(NEW, line)["time"]).timestamp()


# 7: deadlines.


def test_nothing_is_under_way_without_a_deadline() -> None:
    flying = upgrade(["swapping", "staged", "staged"])
    assert verdict(seen(("upgrade", flying)), 7).state is State.HOLDS
    assert "ends were not checked" in verdict(seen(("upgrade", flying)), 7).text
    flying["agents"]["machine-0"] |= {"deadline": None, "reason": "cannot tell: web: no answer within 5 s"}
    assert verdict(seen(("upgrade", flying)), 7).state is State.HOLDS
    flying["agents"]["machine-0"]["reason"] = ""
    assert "machine-0 is swapping without a deadline" in verdict(seen(("upgrade", flying)), 7).text


# 8: workloads.


def test_a_restart_of_the_machine_is_no_disturbance() -> None:
    before, after = machine(0, OLD), machine(0, OLD)
    after["workloads"] = {"ubuntu-0": {"pid": 9, "start": 900}}
    assert verdict(seen(("machine", before), ("machine", after)), 8).state is State.VIOLATED
    after["boot"] = 2
    assert verdict(seen(("machine", before), ("machine", after), ("machine", after)), 8).state is State.HOLDS
    removed = Maker()
    removed.see("machine", before)
    removed.do("remove-unit", {"arguments": {"units": ["ubuntu/0"]}})
    removed.see("machine", {**before, "workloads": {}})
    assert verdict(removed.events, 8).state is not State.VIOLATED


# 9: what was acknowledged.


def _counted(*steps: tuple[str, int, Kind | None]) -> list[Event]:
    make = Maker()
    for function, number, end in steps:
        if function == "write":
            make.do("write", {"key": "k", "value": number}, end=end)
        else:
            make.do("read", {"key": "k"}, {"key": "k", "value": number}, end=end)
    return make.events


def test_a_read_gives_what_was_acknowledged_or_something_newer() -> None:
    ok, lost, refused = Kind.OK, None, Kind.FAIL
    assert verdict(_counted(("write", 1, ok), ("read", 1, ok)), 9).state is State.HOLDS
    assert verdict(_counted(("write", 1, ok), ("write", 2, lost), ("read", 1, ok)), 9).state is State.HOLDS
    assert verdict(_counted(("write", 1, ok), ("write", 2, lost), ("read", 2, ok)), 9).state is State.HOLDS
    assert "acknowledged as 1 and then read as 0" in verdict(_counted(("write", 1, ok), ("read", 0, ok)), 9).text
    unwritten = _counted(("write", 1, ok), ("write", 2, refused), ("read", 2, ok))
    assert "which nobody had written" in verdict(unwritten, 9).text


def test_an_accepted_request_is_on_record() -> None:
    make = Maker()
    make.do("request-upgrade", {"model-uuid": MODEL, "to": "2.6.10"})
    make.see("records", [record("running")])
    assert verdict(make.events, 9).state is State.HOLDS
    make.do("request-upgrade", {"model-uuid": MODEL, "to": "2.6.10"})
    make.see("records", [record("running")])
    assert "2 upgrades to 2.6.10 were accepted, and 1 are on record" in verdict(make.events, 9).text


def test_what_is_put_back_to_an_older_state_may_forget() -> None:
    make = Maker()
    make.see("records", [record("running")])
    make.do("restore-backup", {"arguments": {}})
    make.see("records", [])
    assert verdict(make.events, 9).state is not State.VIOLATED


# Any damage of these kinds, anywhere, is noticed, and by the invariant that it breaks.

_DAMAGE: dict[int, tuple[str, Callable[[Any, str], None]]] = {
    1: ("machine", lambda value, _: value["tools"].clear()),
    3: ("model", lambda value, tag: value["agents"][tag].update(version="2.8.0")),
    4: ("machine", lambda value, _: next(iter(value["tools"].values())).update(sha256="0" * 64)),
    5: ("upgrade", lambda value, _: [agent.update(phase="swapping") for agent in value["agents"].values()]),
    7: ("upgrade", lambda value, tag: value["agents"][tag].update(phase="swapping", deadline=None)),
    8: ("machine", lambda value, _: [one.update(pid=7777) for one in value["workloads"].values()]),
    9: ("upgrade-event", lambda value, _: value.update(by="somebody else")),
}


@given(st.sampled_from(sorted(_DAMAGE)), st.data())
def test_damage_anywhere_is_noticed(number: int, data: st.DataObject) -> None:
    function, how = _DAMAGE[number]
    # Without the controller's own record the looks are all that there is.
    events = GOOD if number == 9 else [event for event in GOOD if event.function != "upgrade-event"]
    own_uuid = {"model": OWN}
    fit = [
        at
        for at in places(events, function)
        if number not in (3, 4, 8) or own_uuid.items().isdisjoint(events[at].value.items())
    ]
    fit = [at for at in fit if events[at].value.get("uuid") != OWN]
    at, tag = data.draw(st.sampled_from(fit)), data.draw(st.sampled_from(TAGS))
    report = check(damaged(events, at, lambda value: how(value, tag)))
    assert report.verdicts[number - 1][1].state is State.VIOLATED
    assert report.first_violation is not None


@given(st.integers(0, len(GOOD) - 1))
def test_losing_an_observation_never_makes_a_violation(at: int) -> None:
    if GOOD[at].type is Kind.OBSERVATION:
        assert check([*GOOD[:at], *GOOD[at + 1 :]]).holds


@given(st.integers(0, len(GOOD)))
def test_a_history_cut_short_holds(at: int) -> None:
    assert check(GOOD[:at]).holds


@given(st.integers(0, len(GOOD) - 1), st.sampled_from([None, 3, "text", [], {}, [{}]]))
def test_nonsense_is_told_and_breaks_nothing(at: int, value: Any) -> None:
    check([*GOOD[:at], replace(GOOD[at], value=value), *GOOD[at + 1 :]])
