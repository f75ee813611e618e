"""What people may do with an upgrade: the whole table of statuses and actions, and the reasons against."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jujulab_core.rules import control, quarantine
from jujulab_core.rules.control import ACTIONS, FINAL, Action, Known, Outcome, decide
from jujulab_core.rules.facts import Refusal
from jujulab_core.version import Number

HALF = Known(
    id=3,
    model="default",
    old="2.6.4",
    new="2.6.10",
    status="running",
    machines={"0": "done", "1": "swapping", "2": "staged", "3": "failed"},
    model_version="2.6.10",
    controller_version="2.6.10",
)
OVER = {"0": "done", "1": "rolled-back", "2": "skipped", "3": "failed"}
STATUSES = ("running", "paused", "aborting", "complete", "failed", "aborted")
ABORTED = "aborted back"
ABORTING = "aborting back"


def known(status: str) -> Known:
    name, _, back = status.partition(" ")
    return replace(HALF, status=name, roll_back=bool(back), machines=OVER if name in FINAL else HALF.machines)


# Status after the action; `=` for nothing changed; `no` for a refusal.
TABLE = {
    "running": {"pause": "paused", "resume": "=", "abort": "aborting", "roll-back": "aborting", "retry": "running"},
    "paused": {"pause": "=", "resume": "running", "abort": "aborting", "roll-back": "aborting", "retry": "no"},
    "aborting": {"pause": "no", "resume": "no", "abort": "=", "roll-back": "aborting", "retry": "no"},
    ABORTING: {"pause": "no", "resume": "no", "abort": "no", "roll-back": "=", "retry": "no"},
    "complete": {"pause": "no", "resume": "no", "abort": "no", "roll-back": "aborting", "retry": "no"},
    "failed": {"pause": "no", "resume": "no", "abort": "aborted", "roll-back": "aborting", "retry": "running"},
    "aborted": {"pause": "no", "resume": "no", "abort": "=", "roll-back": "aborting", "retry": "running"},
    ABORTED: {"pause": "no", "resume": "no", "abort": "=", "roll-back": "=", "retry": "no"},
}


@pytest.mark.parametrize("status", TABLE)
@pytest.mark.parametrize("action", ACTIONS)
def test_every_status_and_action(status: str, action: Action) -> None:
    before, wanted = known(status), TABLE[status][action]
    answer = decide(before, action)
    if wanted == "no":
        assert isinstance(answer, Refusal)
        assert answer.message
        assert answer.next_step or "nothing to try again" in answer.message
    else:
        assert isinstance(answer, Outcome)
        assert answer.changed is (wanted != "=")
        assert answer.status == (before.status if wanted == "=" else wanted)


@pytest.mark.parametrize("status", TABLE)
@pytest.mark.parametrize("action", ["pause", "abort", "roll-back"])
def test_asking_again_changes_nothing(status: str, action: Action) -> None:
    before = known(status)
    first = decide(before, action)
    if isinstance(first, Outcome):
        version = first.model_version or before.model_version
        after = replace(before, status=first.status, roll_back=first.roll_back, model_version=version)
        again = decide(after, action)
        assert isinstance(again, Outcome)
        assert not again.changed


REFUSALS = {
    ("complete", "pause"): (
        "upgrade 3 of model default to 2.6.10 is over (complete): it cannot be paused",
        "`jujulab abort-upgrade 3 --rollback` goes back to 2.6.4",
    ),
    ("failed", "resume"): (
        "upgrade 3 of model default to 2.6.10 is over (failed): it cannot be resumed",
        "`jujulab retry-upgrade --id 3` tries its failed machines again, "
        "`jujulab abort-upgrade 3 --rollback` goes back to 2.6.4",
    ),
    ("aborting", "resume"): (
        "upgrade 3 of model default to 2.6.10 is being aborted: it cannot be resumed",
        "follow it to its end with `jujulab show-upgrade 3 --watch`",
    ),
    (ABORTED, "pause"): (
        "upgrade 3 of model default to 2.6.10 is over (aborted): it cannot be paused",
        "see `jujulab show-upgrade 3`",
    ),
    (ABORTING, "abort"): (
        "upgrade 3 of model default to 2.6.10 is being put back to 2.6.4: that is not left half-done",
        "follow it with `jujulab show-upgrade 3 --watch`",
    ),
    (ABORTED, "retry"): (
        "upgrade 3 of model default to 2.6.10 was put back to 2.6.4",
        "start anew with `jujulab upgrade-model -m default --agent-version 2.6.10 --lift-quarantine`",
    ),
    ("paused", "retry"): (
        "upgrade 3 of model default to 2.6.10 is paused",
        "let it go on first: `jujulab resume-upgrade 3`",
    ),
}


@pytest.mark.parametrize(("case", "words"), REFUSALS.items(), ids=str)
def test_the_words_of_refusals(case: tuple[str, Action], words: tuple[str, str]) -> None:
    answer = decide(known(case[0]), case[1])
    assert isinstance(answer, Refusal)
    assert (answer.message, answer.next_step) == words


def test_a_roll_back_takes_the_model_back_and_quarantines() -> None:
    assert decide(HALF, "roll-back") == Outcome("aborting", roll_back=True, model_version="2.6.4", quarantine=True)


def test_a_roll_back_that_left_machines_stranded_may_be_tried_again() -> None:
    stranded = replace(known(ABORTED), machines={"0": "rolled-back", "1": "stranded"}, model_version="2.6.4")
    answer = decide(stranded, "roll-back")
    assert isinstance(answer, Outcome)
    assert (answer.status, answer.failed) == ("aborting", ("1",))


def test_a_failed_one_that_has_taken_up_machines_again_is_aborted_once_they_have_ended() -> None:
    for phase in ("pending", "staged", "swapping", "restarting", "verifying"):
        late = replace(known("failed"), machines={"0": "done", "1": phase})
        assert decide(late, "abort") == Outcome("aborting")
    assert decide(known("failed"), "abort") == Outcome("aborted")


@pytest.mark.parametrize("action", ["abort", "roll-back", "retry"])
def test_only_the_newest_upgrade_of_a_model_is_taken_up_again(action: Action) -> None:
    for stale in (replace(known("failed"), newest=False), replace(known("failed"), model_version="2.6.5")):
        answer = decide(stale, action)
        assert isinstance(answer, Refusal)
        assert "is not the newest of its model" in answer.message


@pytest.mark.parametrize("action", ["resume", "roll-back", "retry"])
def test_agents_that_cannot_log_in_are_not_asked_for_anything(action: Action) -> None:
    status = "paused" if action == "resume" else "failed"
    answer = decide(replace(known(status), controller_upgrading=True), action)
    assert isinstance(answer, Refusal)
    assert answer.message == "upgrade in progress"


@pytest.mark.parametrize(
    ("machines", "wanted"),
    [((), ("1", "2", "3")), (("3",), ("3",)), (("1", "2"), ("1", "2"))],
)
def test_retry_takes_what_ended_badly_or_what_is_named(machines: tuple[str, ...], wanted: tuple[str, ...]) -> None:
    answer = decide(known("failed"), "retry", machines)
    assert answer == Outcome("running", pending=wanted, model_version="2.6.10", lift=True)


def test_retry_of_what_has_not_failed() -> None:
    answer = decide(known("failed"), "retry", ["0"])
    assert isinstance(answer, Refusal)
    assert answer.message == (
        "machine 0 of upgrade 3 of model default to 2.6.10 is done: there is nothing to try again"
    )
    answer = decide(replace(HALF, machines={"0": "done", "1": "staged"}), "retry")
    assert isinstance(answer, Refusal)
    assert answer.message == "no machine of upgrade 3 of model default to 2.6.10 has failed"


@pytest.mark.parametrize("action", ["resume", "retry"])
def test_machines_that_are_not_there(action: Action) -> None:
    answer = decide(HALF, action, ["9"])
    assert isinstance(answer, Refusal)
    assert answer.message == "machine 9 is not part of upgrade 3"


def test_accepting_machines_does_not_need_a_pause() -> None:
    assert decide(HALF, "resume", ["1"]) == Outcome("running", accepted=("1",))


CONTROLLER = replace(HALF, model="controller", is_controller=True, machines={"0": "staged"}, controller_upgrading=True)


@pytest.mark.parametrize("action", ["abort", "roll-back"])
@pytest.mark.parametrize(
    ("controller", "phase", "words"),
    [
        ("2.6.4", "staged", None),
        ("2.6.4", "failed", None),
        ("2.6.4", "swapping", "the controller is being exchanged for 2.6.10 this moment"),
        (
            "2.6.10",
            "restarting",
            "the controller runs 2.6.10 already and has upgraded its database: there is no way back to 2.6.4",
        ),
    ],
)
def test_how_far_a_controller_can_go_back(controller: str, phase: str, words: str | None, action: Action) -> None:
    answer = decide(replace(CONTROLLER, controller_version=controller, machines={"0": phase}), action)
    if words is None:
        assert isinstance(answer, Outcome)
    else:
        assert isinstance(answer, Refusal)
        assert answer.message == words
        assert "restore-backup" in answer.next_step or "--watch" in answer.next_step


phases = st.sampled_from(
    ["pending", "staging", "staged", "swapping", "restarting", "verifying", "done", "failed", "rolled-back", "stranded"]
)


@given(
    st.builds(
        replace,
        st.just(HALF),
        status=st.sampled_from(STATUSES),
        roll_back=st.booleans(),
        newest=st.booleans(),
        is_controller=st.booleans(),
        controller_upgrading=st.booleans(),
        controller_version=st.sampled_from(["2.6.4", "2.6.10"]),
        machines=st.dictionaries(st.sampled_from("01234"), phases, max_size=5),
    ),
    st.sampled_from(ACTIONS),
)
def test_whatever_is_asked_the_answer_keeps_its_promises(before: Known, action: Action) -> None:
    answer = decide(before, action)
    if isinstance(answer, Refusal):
        assert answer.message
        return
    assert answer.status in STATUSES
    assert answer.changed or answer.status == before.status
    assert answer.roll_back is (answer.status == "aborting" and action == "roll-back") or not answer.changed
    assert not answer.quarantine or answer.model_version == before.old
    assert not (answer.lift and answer.quarantine)
    assert all(before.machines[machine] in control.TO_RETRY for machine in (*answer.pending, *answer.failed))
    if before.is_controller and before.controller_version == before.new:
        assert not answer.quarantine


BAD = Number.parse("2.6.10")
ENTRY = quarantine.Entry("2026-01-01T00:00:00Z", "admin", "upgrade 3 was rolled back")


def test_a_quarantined_version_is_refused_with_its_history() -> None:
    answer = quarantine.refusal("default", BAD, {BAD: ENTRY})
    assert answer is not None
    assert answer.message == (
        "version 2.6.10 is quarantined for model default: upgrade 3 was rolled back (2026-01-01T00:00:00Z, by admin)"
    )
    assert "--agent-version 2.6.10 --lift-quarantine" in answer.next_step
    assert quarantine.refusal("default", Number.parse("2.6.11"), {BAD: ENTRY}) is None


def test_a_quarantined_version_is_not_chosen_by_itself() -> None:
    offered = [Number.parse(text) for text in ("2.6.5", "2.6.10", "2.6.11")]
    assert quarantine.without(offered, [BAD]) == (offered[0], offered[2])
