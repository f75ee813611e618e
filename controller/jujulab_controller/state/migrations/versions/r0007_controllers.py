"""Keep which machines are controllers, which of them leads, and how far its upgrade steps are."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Adds it; until now machine 0 of the controller model was the only one."""
    op.add_column("machines", sa.Column("manager", sa.Integer(), server_default="0", nullable=False))
    for name in ("primary_machine", "database_upgraded_to", "primary_upgraded_to"):
        op.add_column("controller", sa.Column(name, sa.Text(), server_default="", nullable=False))
    op.execute("UPDATE machines SET manager = 1 WHERE id = '0' AND model_uuid IN (SELECT model_uuid FROM controller)")
