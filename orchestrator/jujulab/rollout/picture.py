"""``python -m jujulab.rollout.picture FILE``: writes the picture and the tables of the phases into a document.

They are made from the table that the rules are held to, between two marks in the document; a test fails where the
document says something else than the code.
"""

from __future__ import annotations

import sys
from pathlib import Path

from jujulab.rollout.phases import PHASES, TERMINAL, TRANSITIONS, Phase

BEGIN = "<!-- made by python -m jujulab.rollout.picture; do not edit -->"
END = "<!-- end -->"


def picture() -> str:
    """The picture, in Mermaid, and a table each of the phases and of what may follow what, in Markdown."""
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {_name(Phase.PENDING)}"]
    lines += [f"    {_name(old)} --> {_name(new)}" for old, new in _arrows()]
    lines += [f"    {_name(phase)} --> [*]" for phase in Phase if phase in TERMINAL]
    lines += ["```", "", "| phase | owner | ends by | what happens |", "|---|---|---|---|"]
    for phase, facts in PHASES.items():
        ends = facts.ends or "it is an end"
        lines.append(f"| `{phase}` | {facts.owner or 'nobody'} | {ends} | {facts.meaning} |")
    lines += ["", "| from | to | because |", "|---|---|---|"]
    for cause, new, olds in _causes():
        lines.append(f"| {', '.join(f'`{old}`' for old in olds)} | `{new}` | {cause} |")
    return "\n".join(lines)


def written_into(document: str) -> str:
    """The document with what is between its marks made anew.

    Raises:
        ValueError: It has no such marks.
    """
    head, begin, rest = document.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the document has no lines {BEGIN} and {END}")
    return f"{head}{BEGIN}\n\n{picture()}\n\n{END}{tail}"


def _arrows() -> list[tuple[Phase, Phase]]:
    """Every step from one phase to another, once."""
    return list(dict.fromkeys((row.old, row.new) for row in TRANSITIONS if row.old is not row.new))


def _causes() -> list[tuple[str, Phase, list[Phase]]]:
    found: dict[tuple[str, Phase], list[Phase]] = {}
    for row in TRANSITIONS:
        found.setdefault((row.cause, row.new), []).append(row.old)
    return [(cause, new, olds) for (cause, new), olds in found.items()]


def _name(phase: Phase) -> str:
    return phase.value.replace("-", "_")


def main(path: Path) -> None:
    """Brings the document up to date."""
    path.write_text(written_into(path.read_text()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
