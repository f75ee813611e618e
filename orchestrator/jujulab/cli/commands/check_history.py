"""``check-history``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jujulab.cli import output
from jujulab.cli.framework import juju_command
from jujulab.cli.options import format_option
from jujulab_core.errors import JujulabError, UsageError

if TYPE_CHECKING:
    from jujulab.history.checker import Report


class InvariantViolatedError(JujulabError):
    """The history shows that a promise was broken."""


@juju_command(
    examples=[
        ("Look at the current lab, then check all that happened to it:", "jujulab check-history"),
        ("A history that was kept:", "jujulab check-history history.jsonl --format yaml"),
    ],
    see_also=["fault", "upgrades", "show-upgrade"],
)
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path), metavar="[FILE]")
@click.option("--lab", metavar="LAB", help="Check this lab's history. By default the current controller's.")
@click.option("--no-look", is_flag=True, help="Check what is written, without a last look at the lab.")
@format_option()
def command(file: Path | None, lab: str | None, no_look: bool, output_format: str) -> None:
    """Hold a lab's history against what its design promises.

    Commands that change a lab write into its history, and so do tests and chaos runs, which also watch all that goes
    on. Nine invariants are checked. Each holds, is violated, or is unknown: the history then does not hold what it
    takes to say. The first violation is shown with the events that prove it, and the exit code is 1.

    Without a file the lab is looked at once more before the check: do that when no upgrade is under way.
    """
    from jujulab.history import event
    from jujulab.history.checker import check

    if file is not None and (lab or no_look):
        raise UsageError("name a file or a lab, not both")
    path = file or _of_lab(lab, look=not no_look)
    events, torn = event.read(path)
    report = check(events)
    if torn:
        output.info(f"{torn} lines of {path} are torn and were left out")
    output.emit(_tree(path, len(events), report), output_format, lambda: _table(report))
    if report.first_violation is not None:
        invariant, verdict = report.first_violation
        raise InvariantViolatedError(
            f"invariant {invariant.number} ({invariant.name}) is violated: {verdict.text}",
            next_step=f"jujulab check-history {path} --format yaml shows the evidence",
        )


def _of_lab(lab: str | None, *, look: bool) -> Path:
    from jujulab.history.event import FILE_NAME
    from jujulab.history.observer import Observer
    from jujulab.history.recorder import Recorder
    from jujulab.lab import lifecycle
    from jujulab.lab.engine import Engine
    from jujulab.session import resolve_controller
    from jujulab.store import Store

    store = Store.default()
    with Engine() as engine:
        name = lifecycle.choose(engine, lab or resolve_controller(store, None).region)
        path = store.lab_dir(name) / FILE_NAME
        if look:
            observer = Observer(engine, store, name, Recorder(path, "check-history"))
            try:
                observer.look_at_controller()
                observer.settled()
            finally:
                observer.close()
    return path


def _tree(path: Path, count: int, report: Report) -> dict[str, Any]:
    from jujulab.history.verdict import shown

    invariants: list[dict[str, Any]] = []
    for invariant, verdict in report.verdicts:
        entry = {
            "number": invariant.number,
            "name": invariant.name,
            "promise": invariant.promise,
            "verdict": str(verdict.state),
            "checked": verdict.checked,
        }
        entry |= {"text": verdict.text} if verdict.text else {}
        entry |= {"evidence": [shown(one) for one in verdict.evidence]} if verdict.evidence else {}
        invariants.append(entry)
    return {"history": str(path), "events": count, "holds": report.holds, "invariants": invariants}


def _table(report: Report) -> str:
    from jujulab.cli.table import render

    rows = [
        (str(invariant.number), invariant.name, str(verdict.state), str(verdict.checked), verdict.text)
        for invariant, verdict in report.verdicts
    ]
    return render(("#", "Invariant", "Verdict", "Checked", "Message"), rows, right=("#", "Checked"))
