"""What people may do with an upgrade that is under way or over: pause, resume, abort, roll back, retry.

Pure: takes what is known and answers with what becomes of it, or with a refusal and what to do instead. Asking
for what is so already is no error and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, get_args

from jujulab_core.rules.facts import IN_PROGRESS, Refusal

Action = Literal["pause", "resume", "abort", "roll-back", "retry"]
ACTIONS: tuple[str, ...] = get_args(Action)

FINAL = frozenset({"complete", "failed", "aborted"})
# How a machine may end. One that failed may yet be taken up again.
ENDED = frozenset({"done", "failed", "rolled-back", "stranded", "skipped"})
IN_FLIGHT = frozenset({"swapping", "restarting", "verifying", "rolling-back", "returning"})
# A person may have these tried again.
TO_RETRY = frozenset({"failed", "rolled-back", "stranded", "skipped"})


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an upgrade when somebody wants something of it.

    Attributes:
        id: Its number.
        model: Its model's name.
        old: The version it came from.
        new: The version it goes to.
        status: ``running``, ``paused``, ``aborting``, ``complete``, ``failed``, ``aborted``.
        reason: Why it has that status.
        machines: The phase of each machine, by id.
        roll_back: Whether its abort puts back the machines that are done.
        newest: Whether no upgrade of its model came after it.
        model_version: What the model's agents shall run now.
        is_controller: Whether it is the controller model's.
        controller_version: The version that the controller runs.
        controller_upgrading: Whether the controller's own upgrade is not over.
    """

    id: int
    model: str
    old: str
    new: str
    status: str
    reason: str = ""
    machines: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    roll_back: bool = False
    newest: bool = True
    model_version: str = ""
    is_controller: bool = False
    controller_version: str = ""
    controller_upgrading: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of an upgrade.

    Attributes:
        status: Its status from now on.
        changed: Whether anything is different at all.
        roll_back: Whether machines that are done are put back.
        accepted: Machines that a person says are good.
        pending: Machines that begin anew.
        failed: Machines that count as failed again, so that another try is made to put them back.
        model_version: What the model's agents shall run, or empty to leave it.
        quarantine: Whether the version it goes to is quarantined.
        lift: Whether the quarantine of that version ends.
    """

    status: str
    changed: bool = True
    roll_back: bool = False
    accepted: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    model_version: str = ""
    quarantine: bool = False
    lift: bool = False


def decide(known: Known, action: Action, machines: Sequence[str] = ()) -> Outcome | Refusal:
    """What an action does.

    Args:
        known: The upgrade.
        action: What somebody wants.
        machines: With ``resume`` those that are accepted as good, with ``retry`` those that are meant.
    """
    unknown = [machine for machine in machines if machine not in known.machines]
    if unknown:
        return Refusal(
            f"machine {unknown[0]} is not part of upgrade {known.id}",
            next_step=f"see `jujulab show-upgrade {known.id}` for those that are",
        )
    return _DECIDE[action](known, tuple(machines))


def refusal_while_going_back(upgrade_id: int, model: str, old: str) -> Refusal:
    """Why a new upgrade cannot start while an earlier one is being put back."""
    return Refusal(
        f"upgrade {upgrade_id} of model {model} is being put back to {old}",
        rule="a model does not go two ways at once",
        next_step=f"follow it to its end with `jujulab show-upgrade {upgrade_id} --watch`",
    )


def _pause(known: Known, _: tuple[str, ...]) -> Outcome | Refusal:
    if known.status == "running":
        return Outcome("paused")
    if known.status == "paused":
        return _unchanged(known)
    return _too_late(known, "paused")


def _resume(known: Known, machines: tuple[str, ...]) -> Outcome | Refusal:
    if known.status not in ("running", "paused"):
        return _too_late(known, "resumed")
    if known.status == "running" and not machines:
        return _unchanged(known)
    return _agents_can_log_in(known) or Outcome("running", accepted=machines)


def _abort(known: Known, _: tuple[str, ...]) -> Outcome | Refusal:
    if known.roll_back and known.status == "aborting":
        return Refusal(
            f"{_name(known)} is being put back to {known.old}: that is not left half-done",
            next_step=f"follow it with `jujulab show-upgrade {known.id} --watch`",
        )
    if known.status in ("aborting", "aborted"):
        return _unchanged(known)
    if known.status == "complete":
        return _too_late(known, "aborted")
    if known.status == "failed":
        return _abort_failed(known)
    return _controller_can_go_back(known) or Outcome("aborting")


def _abort_failed(known: Known) -> Outcome | Refusal:
    """A failed one takes up machines that come back, for as long as the model wants its version; aborted, no more."""
    ended = all(phase in ENDED for phase in known.machines.values())
    outcome = Outcome("aborted" if ended else "aborting")
    return _is_the_models_own(known) or _controller_can_go_back(known) or outcome


def _roll_back(known: Known, _: tuple[str, ...]) -> Outcome | Refusal:
    if known.roll_back:
        stranded = tuple(machine for machine, phase in known.machines.items() if phase == "stranded")
        if known.status == "aborting" or not stranded:
            return _unchanged(known)
    else:
        stranded = ()
    refusal = _is_the_models_own(known) or _controller_can_go_back(known) or _agents_can_log_in(known)
    return refusal or Outcome("aborting", roll_back=True, failed=stranded, model_version=known.old, quarantine=True)


def _retry(known: Known, machines: tuple[str, ...]) -> Outcome | Refusal:
    if known.status == "complete":
        return Refusal(f"{_name(known)} is complete: there is nothing to try again")
    if known.status == "paused":
        return Refusal(
            f"{_name(known)} is paused: {known.reason}" if known.reason else f"{_name(known)} is paused",
            next_step=f"let it go on first: `jujulab resume-upgrade {known.id}`",
        )
    if known.roll_back:
        return Refusal(
            f"{_name(known)} {'was' if known.status == 'aborted' else 'is being'} put back to {known.old}",
            next_step=f"start anew with `jujulab upgrade-model -m {known.model} --agent-version {known.new} "
            "--lift-quarantine`",
        )
    if known.status == "aborting":
        return _too_late(known, "tried again")
    again = machines or tuple(machine for machine, phase in known.machines.items() if phase in TO_RETRY)
    fine = [machine for machine in again if known.machines[machine] not in TO_RETRY]
    if fine or not again:
        what = f"machine {fine[0]} of {_name(known)} is {known.machines[fine[0]]}" if fine else _name(known)
        return Refusal(
            f"{what}: there is nothing to try again" if fine else f"no machine of {what} has failed",
            next_step=f"see `jujulab show-upgrade {known.id}`",
        )
    refusal = _is_the_models_own(known) or _agents_can_log_in(known)
    return refusal or Outcome("running", pending=again, model_version=known.new, lift=True)


_DECIDE: Mapping[str, Callable[[Known, tuple[str, ...]], Outcome | Refusal]] = {
    "pause": _pause,
    "resume": _resume,
    "abort": _abort,
    "roll-back": _roll_back,
    "retry": _retry,
}


def _name(known: Known) -> str:
    return f"upgrade {known.id} of model {known.model} to {known.new}"


def _unchanged(known: Known) -> Outcome:
    return Outcome(known.status, changed=False, roll_back=known.roll_back)


def _too_late(known: Known, what: str) -> Refusal:
    back = "" if known.is_controller else f"`jujulab abort-upgrade {known.id} --rollback` goes back to {known.old}"
    steps = {
        "complete": back,
        "failed": f"`jujulab retry-upgrade --id {known.id}` tries its failed machines again{back and ', '}{back}",
        "aborted": f"`jujulab retry-upgrade --id {known.id}` takes it up again{back and ', '}{back}",
        "aborting": f"follow it to its end with `jujulab show-upgrade {known.id} --watch`",
    }
    step = steps[known.status]
    if not step or (known.roll_back and known.status != "aborting"):
        step = f"see `jujulab show-upgrade {known.id}`"
    is_over = "is being aborted" if known.status == "aborting" else f"is over ({known.status})"
    return Refusal(f"{_name(known)} {is_over}: it cannot be {what}", next_step=step)


def _is_the_models_own(known: Known) -> Refusal | None:
    """What came later decides; and the version may have been changed since in Juju's own way."""
    if known.newest and known.model_version in (known.old, known.new):
        return None
    return Refusal(
        f"{_name(known)} is not the newest of its model, which is at {known.model_version} now",
        next_step=f"see `jujulab upgrades -m {known.model}` for the newest",
    )


def _agents_can_log_in(known: Known) -> Refusal | None:
    """The Juju upgrade specification, section D.4: only the controller's own agents may, during its own upgrade."""
    if not known.controller_upgrading or known.is_controller:
        return None
    return Refusal("upgrade in progress", IN_PROGRESS, "D.2 row 1: the controller has not finished its own upgrade")


def _controller_can_go_back(known: Known) -> Refusal | None:
    if not known.is_controller:
        return None
    if known.controller_version == known.new:
        return Refusal(
            f"the controller runs {known.new} already and has upgraded its database: "
            f"there is no way back to {known.old}",
            next_step="restore a backup of before the upgrade: `jujulab backups`, then `jujulab restore-backup`",
        )
    if any(phase in IN_FLIGHT for phase in known.machines.values()):
        return Refusal(
            f"the controller is being exchanged for {known.new} this moment",
            next_step=f"follow it with `jujulab show-upgrade {known.id} --watch`",
        )
    return None
