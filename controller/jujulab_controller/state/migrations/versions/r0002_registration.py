"""Let users register with a secret, and never give a removed user's name again."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds a registration secret's hash and the mark of a removed user."""
    op.add_column("users", sa.Column("secret_hash", sa.Text(), server_default="", nullable=False))
    op.add_column("users", sa.Column("removed", sa.Integer(), server_default="0", nullable=False))
