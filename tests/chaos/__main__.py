"""``python -m tests.chaos --seed N --minutes M --machines K``: see ``make chaos``."""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from pathlib import Path

from jujulab.history.verdict import State, shown
from jujulab.yamltext import dump
from tests.chaos.run import Outcome, Plan, lab_of, run

HOME = Path("build/chaos")


def main() -> int:
    """Runs it; 0 if all invariants held and the lab came to rest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--machines", type=int, default=20)
    parser.add_argument("--controllers", type=int, default=3)
    parser.add_argument("--keep", action="store_true", help="leave the lab as it is at the end")
    given = parser.parse_args()
    plan = Plan(given.seed, given.minutes, given.machines, given.controllers)
    began = time.monotonic()

    def report(text: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {text}", flush=True)

    with lab_of(plan, HOME.resolve() / "data", keep=given.keep) as store:
        outcome = run(plan, store, HOME / f"{plan.lab}.jsonl", report)
    print(told(plan, outcome))
    if given.keep:
        print(f"the lab is there: JUJULAB_DATA={HOME.resolve() / 'data'} jujulab status -m {plan.lab}:default")
    return 0 if outcome.report.holds and not outcome.unrest and not unknown(outcome) else 1


def unknown(outcome: Outcome) -> list[str]:
    """The invariants that the history has nothing about: to such a run they prove nothing."""
    return [invariant.name for invariant, verdict in outcome.report.verdicts if verdict.state is State.UNKNOWN]


def told(plan: Plan, outcome: Outcome) -> str:
    """The verdict, with what it took to come to it."""
    lines = [
        f"seed:       {plan.seed} ({plan.length})",
        f"faults:     {outcome.strokes.total()} ({_list(outcome.strokes)})",
        f"not made:   {outcome.refused.total()}{f' ({_list(outcome.refused)})' if outcome.refused else ''}",
        f"upgrades:   {outcome.upgrades.total()} ({_list(outcome.upgrades)})",
        f"events:     {outcome.events} in {outcome.history}",
    ]
    lines += [
        f"{invariant.number} {invariant.name:18} {verdict.state:9} {verdict.checked:7}  {verdict.text}"
        for invariant, verdict in outcome.report.verdicts
    ]
    if outcome.unrest:
        lines.append(f"verdict:    the lab did not come to rest: {outcome.unrest}")
    first = outcome.report.first_violation
    if first is not None:
        lines.append(f"verdict:    invariant {first[0].number} ({first[0].name}) is violated: {first[1].text}")
        lines.append("evidence:")
        lines.append(dump([shown(one, 2000) for one in first[1].evidence]))
    if first is not None or outcome.unrest:
        lab = f"MACHINES={plan.machines} CONTROLLERS={plan.controllers}"
        lines.append(f"again:      make chaos SEED={plan.seed} MINUTES={plan.minutes:g} {lab} KEEP=1")
    elif unknown(outcome):
        lines.append(f"verdict:    none is violated, but nothing can be told of {', '.join(unknown(outcome))}")
    else:
        lines.append("verdict:    all invariants hold")
    return "\n".join(lines)


def _list(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))


if __name__ == "__main__":
    sys.exit(main())
