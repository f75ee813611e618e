"""Keep every change of an upgrade, and the versions that models were rolled back from."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def upgrade() -> None:
    """Adds what people decide about an upgrade, the record of all changes, and the quarantine."""
    op.add_column("upgrades", sa.Column("roll_back", sa.Integer(), server_default="0", nullable=False))
    op.add_column("upgrades", sa.Column("accepted", sa.Text(), server_default="[]", nullable=False))
    op.add_column("upgrades", sa.Column("retries", sa.Text(), server_default="{}", nullable=False))
    op.add_column("upgrade_agents", sa.Column("logins_before", sa.Integer(), server_default="0", nullable=False))
    op.create_table(
        "upgrade_events",
        sa.Column("seq", sa.Integer(), nullable=False),
        _text("time"),
        sa.Column("upgrade_id", sa.Integer(), server_default="0", nullable=False),
        *(_text(name) for name in ("model_uuid", "tag", "phase", "status", "reason", "done_by")),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
    op.create_index("upgrade_events_by_upgrade", "upgrade_events", ["upgrade_id", "seq"], unique=False)
    op.create_table(
        "quarantine",
        sa.Column("model_uuid", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        *(_text(name) for name in ("since", "done_by", "reason")),
        sa.ForeignKeyConstraint(["model_uuid"], ["models.uuid"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("model_uuid", "version"),
        sqlite_autoincrement=False,
        sqlite_strict=True,
    )
