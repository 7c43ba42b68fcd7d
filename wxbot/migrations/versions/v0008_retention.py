"""retention: what was let go of, and triggers that let evidence go only when that was written down"""

import sqlalchemy as sa
from alembic import op

from wxbot.db import BigId, UtcDateTime
from wxbot.migrations.append_only import cut_statements, statements

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

CUT = ("audit_events", "order_evidence")
"""Tables of evidence with a term; the ledger has none and keeps its triggers as they are."""


def upgrade() -> None:
    """A table and four triggers; no row is read or written."""
    op.create_table(
        "retention_cuts",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("table_name", sa.String(length=40), nullable=False),
        sa.Column("before", UtcDateTime(), nullable=False),
        sa.Column("first_id", sa.BigInteger(), nullable=False),
        sa.Column("last_id", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention_cuts")),
    )
    op.create_index("ix_retention_cuts_table_name", "retention_cuts", ["table_name", "last_id"])
    dialect = op.get_bind().dialect.name
    for statement in (*statements(dialect, ("retention_cuts",)), *cut_statements(dialect, CUT)):
        op.execute(statement)
