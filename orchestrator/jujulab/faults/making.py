"""Making and mending faults, with their record kept at every step.

A fault is written down before anything is done and struck out when all is mended, so that one which was cut short in
the making, or in the mending, is mended from its record.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from jujulab.faults.ledger import Ledger
from jujulab.faults.model import Json, Kind, Record, Scene
from jujulab.faults.registry import find
from jujulab.faults.targets import Target, resolve
from jujulab_core.errors import JujulabError, UsageError


def inject(
    scene: Scene,
    controller: str,
    name: str,
    targets: tuple[str, ...],
    options: Mapping[str, str],
    seconds: float | None = None,
) -> Record:
    """Breaks something.

    Args:
        scene: Where.
        controller: The name of the lab's controller.
        name: The kind.
        targets: What.
        options: How.
        seconds: After how long it is to be mended by itself, by :mod:`jujulab.faults.keeper`; None for never.

    Returns:
        The record by which it is mended; for a kind that is over at once, that of what was done.

    Raises:
        UsageError: There is no such kind, target or option.
        JujulabError: It could not be done; what was done of it was undone.
    """
    kind = find(name)
    full = kind.check(targets, options)
    if kind.at_once and seconds is not None:
        raise UsageError(f"{name} is over at once: there is nothing to mend after a time")
    words = targets or ((kind.only_target,) if kind.only_target else ())
    on = dict(resolve(scene.engine, scene.lab, controller, word, kind.scopes) for word in words) if kind.scopes else {}
    with Ledger(scene.engine, scene.lab).locked() as ledger:
        records = ledger.records()
        _refuse_twice(kind, tuple(on) or targets, full, records)
        _refuse_stopped(scene, on, records)
        record = Record(
            id=ledger.next_id(),
            kind=name,
            targets=tuple(on) or targets,
            options=full,
            began=_rfc3339(datetime.now(UTC)),
            on=on,
        )
        ledger.keep(record)

        def keep(state: Json) -> None:
            nonlocal record
            record = dataclasses.replace(record, state=state)
            ledger.keep(record)

        try:
            did = kind.inject(scene, record, keep)
        except BaseException:
            _mend(scene, ledger, record)
            raise
        until = _rfc3339(datetime.now(UTC) + timedelta(seconds=seconds)) if seconds is not None else ""
        record = dataclasses.replace(record, did=did, until=until)
        if kind.at_once:
            ledger.forget(record)
        else:
            ledger.keep(record)
    return record


def heal(scene: Scene, record: Record) -> None:
    """Mends a fault and strikes it out; one that is mended already is left alone.

    Raises:
        JujulabError: It could not be mended; it stays in the ledger.
    """
    with Ledger(scene.engine, scene.lab).locked() as ledger:
        current = next((entry for entry in ledger.records() if entry.id == record.id), None)
        # A number is given again when its fault is mended.
        if current is not None and (current.kind, current.began) == (record.kind, record.began):
            _mend(scene, ledger, current)


def heal_overdue(scene: Scene) -> list[Record]:
    """Mends the faults whose time is up, which is left to do when whoever should have done it was ended."""
    now = datetime.now(UTC)
    records = [record for record in Ledger(scene.engine, scene.lab).records() if record.until]
    late = [record for record in records if datetime.fromisoformat(record.until) <= now]
    for record in reversed(late):
        heal(scene, record)
    return late


def renew(scene: Scene) -> list[Record]:
    """After the lab was stopped and started: makes those faults again that this has lifted.

    Returns:
        All that are in force.
    """
    with Ledger(scene.engine, scene.lab).locked() as ledger:
        records = ledger.records()
        for record in records:
            again = find(record.kind).again
            if again is not None:
                again(scene, record)
    return records


def _mend(scene: Scene, ledger: Ledger, record: Record) -> None:
    find(record.kind).heal(scene, record)
    ledger.forget(record)


def _refuse_twice(kind: Kind, targets: tuple[str, ...], options: Mapping[str, str], records: Iterable[Record]) -> None:
    for record in records:
        if record.kind != kind.name or (kind.stacks and record.options != options):
            continue
        both = [target for target in targets if target in record.targets]
        if both or not targets:
            where = f" on {', '.join(both)}" if both else ""
            raise JujulabError(
                f"{kind.name} is in force{where} already: fault {record.id}",
                next_step=f"mend that first: jujulab heal {record.id}",
            )


def _refuse_stopped(scene: Scene, on: Mapping[str, Target], records: Iterable[Record]) -> None:
    for name, target in on.items():
        container = scene.engine.find(target.container)
        status = container.status if container is not None else "gone"
        if status == "running":
            continue
        by = next(
            (
                record
                for record in records
                if find(record.kind).stops and any(other.container == target.container for other in record.on.values())
            ),
            None,
        )
        next_step = f"fault {by.id} is {by}: jujulab heal {by.id}" if by else "start the lab with `jujulab start`"
        raise JujulabError(f"{name} does not run: its container is {status}", next_step=next_step)


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
