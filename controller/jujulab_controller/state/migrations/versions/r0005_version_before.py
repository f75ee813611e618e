"""Keep the version that each agent of an upgrade had before."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Adds it."""
    op.add_column("upgrade_agents", sa.Column("version_before", sa.Text(), server_default="", nullable=False))
