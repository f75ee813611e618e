"""Which newer version ``status`` tells of: patches only."""

from __future__ import annotations

import pytest

from jujulab_controller.notices import newest_patch
from jujulab_core.version import Number


@pytest.mark.parametrize(
    ("current", "available", "expected"),
    [
        ("2.6.3", "2.6.4 2.6.5 2.7.0 2.5.9", "2.6.5"),
        ("2.6.9", "2.6.9 2.6.10", "2.6.10"),
        ("2.6.5", "2.6.5 2.6.4 2.7.0", None),
        ("2.7-rc1", "2.7-rc2 2.6.10", "2.7-rc2"),
        ("2.7-rc1", "2.7-rc2 2.7.0", "2.7.0"),
        ("2.6.5", "", None),
    ],
)
def test_only_newer_patches_count(current: str, available: str, expected: str | None) -> None:
    found = newest_patch(Number.parse(current), map(Number.parse, available.split()))
    assert (str(found) if found else None) == expected
