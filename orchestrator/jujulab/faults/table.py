"""The table of kinds of the guide ``docs/how-to/break-things.md``: ``python -m jujulab.faults.table``."""

from __future__ import annotations

from jujulab.faults.registry import kinds

HEAD = ("| kind | what it does | targets | options |", "|---|---|---|---|")


def rows() -> list[str]:
    """A row for each kind."""
    return [
        f"| `{kind.name}` | {kind.help} | {kind.takes or '-'} | {', '.join(map('`{}`'.format, kind.choices)) or '-'} |"
        for kind in kinds().values()
    ]


if __name__ == "__main__":
    print("\n".join([*HEAD, *rows()]))  # noqa: T201
