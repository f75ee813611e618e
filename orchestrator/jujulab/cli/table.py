"""Tables as Juju prints them: columns as wide as their widest cell, two spaces between, no rules."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import click

Cell = str | tuple[str, str]
"""Text, or text with a colour's name."""


def render(header: Sequence[str], rows: Sequence[Sequence[Cell]], *, right: Sequence[str] = ()) -> str:
    """Lays out a table.

    Args:
        header: The columns' titles.
        rows: The cells; a short row is filled up with empty cells.
        right: Titles of the columns whose text stands at the right.
    """
    return columns([header, *rows], right={index for index, title in enumerate(header) if title in right})


def columns(rows: Sequence[Sequence[Cell]], *, right: Collection[int] = ()) -> str:
    """Lays out rows that have no header.

    Args:
        rows: The cells; a short row is filled up with empty cells.
        right: Numbers of the columns whose text stands at the right.
    """
    lines = [[cell if isinstance(cell, tuple) else (cell, "") for cell in row] for row in rows]
    count = max(map(len, lines), default=0)
    for line in lines:
        line += [("", "")] * (count - len(line))
    widths = [max(len(line[column][0]) for line in lines) for column in range(count)]
    return "\n".join(_line(line, widths, right) for line in lines)


def _line(cells: list[tuple[str, str]], widths: list[int], right: Collection[int]) -> str:
    last = max((index for index, (text, _) in enumerate(cells) if text), default=-1)
    parts = []
    for index, (text, colour) in enumerate(cells[: last + 1]):
        space = " " * (widths[index] - len(text))
        shown = click.style(text, fg=colour) if colour and text else text
        parts.append(space + shown if index in right else shown + (space if index < last else ""))
    return "  ".join(parts)
