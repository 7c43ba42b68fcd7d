"""what two cashiers say of faulty lines of the fund bill"""

import sqlalchemy as sa
from alembic import op

from wxbot.db import BigId, UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A new table; no row of another is touched."""
    op.create_table(
        "bill_notes",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("fault", sa.String(length=64), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("stated_by", sa.Integer(), nullable=False),
        sa.Column("stated_at", UtcDateTime(), nullable=False),
        sa.Column("agreed_by", sa.Integer(), nullable=True),
        sa.Column("agreed_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("status IN ('open', 'agreed', 'replaced')", name=op.f("ck_bill_notes_status")),
        sa.CheckConstraint(
            "status <> 'agreed' OR (agreed_by IS NOT NULL AND agreed_by <> stated_by)",
            name=op.f("ck_bill_notes_four_eyes"),
        ),
        sa.ForeignKeyConstraint(
            ["line_id"], ["bill_lines.id"], name=op.f("fk_bill_notes_line_id_bill_lines"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bill_notes")),
    )
    op.create_index("ix_bill_notes_line_id", "bill_notes", ["line_id"])
