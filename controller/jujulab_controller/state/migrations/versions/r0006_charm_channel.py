"""Keep the channel that each application's charm was asked for from."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Adds it; until now everything of Charmhub's was said to be stable."""
    op.add_column("applications", sa.Column("charm_channel", sa.Text(), server_default="", nullable=False))
    op.execute("UPDATE applications SET charm_channel = 'stable' WHERE charm_url LIKE 'ch:%'")
