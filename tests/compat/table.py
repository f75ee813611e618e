"""The table client, call, result: what each client was seen to do."""

from __future__ import annotations

from dataclasses import dataclass

FAILED = "FAILED"


@dataclass(frozen=True)
class Row:
    """What came of one call of one client.

    Attributes:
        client: ``python-libjuju 3.6.1.3``.
        call: In the client's own words: ``Model.connect``.
        result: What it gave, in a few words; begins with ``FAILED`` if that is not what it should give.
    """

    client: str
    call: str
    result: str

    @property
    def failed(self) -> bool:
        """Whether the call did not do what it should."""
        return self.result.startswith(FAILED)


class Table:
    """Collects rows, in the order in which they come."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def record(self, client: str, call: str, result: str) -> Row:
        """Adds a row and returns it."""
        row = Row(client, call, " ".join(result.split()))
        self.rows.append(row)
        return row

    def text(self) -> str:
        """The table, a line a row, clients together."""
        if not self.rows:
            return ""
        clients = list(dict.fromkeys(row.client for row in self.rows))
        rows = [Row("client", "call", "result")]
        rows += [row for client in clients for row in self.rows if row.client == client]
        wide = [max(len(row.client) for row in rows), max(len(row.call) for row in rows)]
        lines = [f"{row.client:<{wide[0]}}  {row.call:<{wide[1]}}  {row.result}" for row in rows]
        failed = sum(row.failed for row in self.rows)
        return "\n".join([*lines, f"{len(clients)} clients, {len(self.rows)} calls, {failed} failed"])
