"""The kinds of faults and their records; what they do to a lab is shown end to end."""

from __future__ import annotations

import json

import pytest

from jujulab.faults.model import Record
from jujulab.faults.registry import find, kinds
from jujulab_core.errors import UsageError


def test_the_kinds_are_the_modules() -> None:
    ours = {"corrupt-binary", "internet-down", "missing-binary", "slow-internet", "stale-index", "unsigned-index"}
    assert ours <= set(kinds())
    for name, kind in kinds().items():
        assert kind.name == name
        assert kind.help.endswith(".")


def test_a_record_survives_the_ledger() -> None:
    record = Record(
        3, "corrupt-binary", ("2.6.10",), {"how": "hash"}, "2026-01-01T00:00:00Z", {"files": [{"path": "x"}]}
    )
    assert Record.from_json(json.loads(json.dumps(record.to_json()))) == record


@pytest.mark.parametrize(
    ("kind", "targets", "options", "reason"),
    [
        ("internet-down", ("x",), {}, "internet-down takes no target"),
        ("corrupt-binary", (), {}, "corrupt-binary needs a target: a version"),
        ("corrupt-binary", ("2.6.10",), {"hwo": "hash"}, 'corrupt-binary has no option "hwo"'),
    ],
)
def test_what_a_kind_does_not_take(kind: str, targets: tuple[str, ...], options: dict[str, str], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        find(kind).check(targets, options)


def test_options_are_completed() -> None:
    assert find("stale-index").check((), {}) == {"age": "1d"}
    assert find("stale-index").check((), {"age": "60d"}) == {"age": "60d"}
    with pytest.raises(UsageError, match='no kind of fault "internet-donw"'):
        find("internet-donw")
