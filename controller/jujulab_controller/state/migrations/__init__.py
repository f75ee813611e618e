"""The database upgrade steps, as Alembic migrations; run at every start of the controller."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

if TYPE_CHECKING:
    from alembic.config import Config

# The newest step. Importing Alembic costs a quarter of the time in which a controller restarts, and nearly
# every start finds the schema at this step.
HEAD = "0007"


def upgrade(connection: Connection) -> list[str]:
    """Brings the database to the newest schema within the connection's transaction.

    Returns:
        The descriptions of the steps that were run, oldest first.
    """
    current = _current(connection)
    if current == HEAD:
        return []
    from alembic import command
    from alembic.script import ScriptDirectory

    config = _config(connection)
    steps = ScriptDirectory.from_config(config).iterate_revisions("head", current or "base")
    descriptions = [step.doc for step in steps if step.revision != current]
    command.upgrade(config, "head")
    return descriptions[::-1]


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config
