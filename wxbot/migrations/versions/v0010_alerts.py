"""what the last checks found, a bill's closing balance, and what people were alerted of"""

import sqlalchemy as sa
from alembic import op

from wxbot.db import UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two small tables and a column without a default: nothing is written to rows that exist."""
    op.create_table(
        "invariant_runs",
        sa.Column("name", sa.String(length=8), nullable=False),
        sa.Column("broken", sa.JSON(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_invariant_runs")),
    )
    op.create_table(
        "alerts",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("text", sa.String(length=400), nullable=False),
        sa.Column("path", sa.String(length=100), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("over_at", UtcDateTime(), nullable=True),
        sa.Column("told_at", UtcDateTime(), nullable=True),
        sa.Column("is_over_told", sa.Boolean(), nullable=False),
        sa.Column("tellings", sa.Integer(), nullable=False),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_alerts")),
    )
    op.add_column("bill_days", sa.Column("closing_fen", sa.BigInteger(), nullable=True))
