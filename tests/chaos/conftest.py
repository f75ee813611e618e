"""Fixtures of the tests that break labs."""

from __future__ import annotations

from tests.support.engine import engine as engine
