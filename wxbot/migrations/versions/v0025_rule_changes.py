"""a second cashier agrees to limits and to what a kind of voucher is worth, and to what they saw of a budget"""

import sqlalchemy as sa
from alembic import op

from wxbot.db import BigId, UtcDateTime

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Limits and kinds that exist stay as they are; of budgets that were decided it is not known what was seen."""
    op.add_column("budget_changes", sa.Column("content_sha256", sa.String(64), nullable=True))
    op.create_table(
        "rule_changes",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("subject_kind", sa.String(10), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("asked", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("requested_by", sa.Integer(), nullable=False),
        sa.Column("requested_at", UtcDateTime(), nullable=False),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("content_sha256", sa.String(64), nullable=True),
        sa.CheckConstraint("subject_kind IN ('programme', 'kind')", name=op.f("ck_rule_changes_subject_kind")),
        sa.CheckConstraint("status IN ('requested', 'approved', 'refused')", name=op.f("ck_rule_changes_status")),
        sa.CheckConstraint(
            "status <> 'approved' OR (decided_by IS NOT NULL AND decided_by <> requested_by)",
            name=op.f("ck_rule_changes_four_eyes"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_changes")),
    )
    waits = sa.text("status = 'requested'")
    op.create_index(
        "one_open_rule_change",
        "rule_changes",
        ["subject_kind", "subject_id"],
        unique=True,
        sqlite_where=waits,
        postgresql_where=waits,
    )


def downgrade() -> None:
    """What waits is not agreed to: the rules of now go on, and a kind that was never switched on stays off."""
    op.drop_index("one_open_rule_change", "rule_changes")
    op.drop_table("rule_changes")
    op.drop_column("budget_changes", "content_sha256")
