"""The database upgrade steps, as Alembic migrations; run at every start of the controller."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


def pending(connection: Connection) -> list[str]:
    """The descriptions of the steps that this database still needs, oldest first."""
    script = ScriptDirectory.from_config(_config(connection))
    current = MigrationContext.configure(connection).get_current_revision()
    steps = script.iterate_revisions("head", current or "base")
    return [step.doc for step in reversed(list(steps)) if step.revision != current]


def upgrade(connection: Connection) -> None:
    """Brings the database to the newest schema within the connection's transaction."""
    command.upgrade(_config(connection), "head")


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config
