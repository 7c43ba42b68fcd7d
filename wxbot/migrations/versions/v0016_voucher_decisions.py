"""what a reviewer decided is a row of its own until it can no longer be undone"""

import sqlalchemy as sa
from alembic import op

from wxbot.db import BigId, UtcDateTime

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A new table; no row is read."""
    op.create_table(
        "voucher_decisions",
        sa.Column("voucher_id", BigId, autoincrement=False, nullable=False),
        sa.Column("verb", sa.String(8), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("ip", sa.String(45), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("fault", sa.String(200), nullable=False),
        sa.Column("fault_en", sa.String(200), nullable=False),
        sa.CheckConstraint("verb IN ('approve', 'bulk', 'reject', 'photo')", name=op.f("ck_voucher_decisions_verb")),
        sa.ForeignKeyConstraint(["voucher_id"], ["vouchers.id"], name=op.f("fk_voucher_decisions_voucher_id_vouchers")),
        sa.PrimaryKeyConstraint("voucher_id", name=op.f("pk_voucher_decisions")),
    )
    op.create_index("ix_voucher_decisions_due_at", "voucher_decisions", ["due_at"])


def downgrade() -> None:
    """What was decided and not carried out waits for a reviewer again: the old program knows no claim without an end."""
    op.drop_table("voucher_decisions")
    op.execute(
        "UPDATE vouchers SET status = 'submitted', claimed_by = NULL WHERE status = 'claimed' AND claimed_until IS NULL"
    )
