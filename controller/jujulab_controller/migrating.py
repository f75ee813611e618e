"""Whether a model migrates, which in a lab is played by a fault: it has no other controller that a model could go to.

The fault puts a file, named by the model's UUID and holding its migration mode, into the state that controllers share.
"""

from __future__ import annotations

from pathlib import Path

from jujulab_core.layout import MIGRATING
from jujulab_core.rules.facts import MigrationMode


class Migrations:
    """The models that migrate."""

    def __init__(self, state: Path) -> None:
        self._directory = state / MIGRATING

    def mode(self, model_uuid: str) -> MigrationMode:
        """A model's migration mode, empty where it does not migrate."""
        try:
            word = (self._directory / model_uuid).read_text().strip()
        except FileNotFoundError:
            return ""
        return "importing" if word == "importing" else "exporting"
