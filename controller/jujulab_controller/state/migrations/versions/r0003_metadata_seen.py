"""Remember the newest agent metadata of each place."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "metadata_seen",
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("updated", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("url"),
        sqlite_autoincrement=False,
        sqlite_strict=True,
    )
