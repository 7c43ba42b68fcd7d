"""who is put on the roster or the allow list waits for somebody of another role"""

import sqlalchemy as sa
from alembic import op

from wxbot.db import BigId, UtcDateTime

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Rows that exist wait for nobody and were added by nobody: they count as confirmed."""
    op.create_table(
        "confirmations",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("asked_by", sa.Integer(), nullable=True),
        sa.Column("asked_role", sa.String(10), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("content_sha256", sa.String(64), nullable=True),
        sa.CheckConstraint("kind IN ('roster', 'mark')", name=op.f("ck_confirmations_kind")),
        sa.CheckConstraint(
            "decided_by IS NULL OR asked_by IS NULL OR decided_by <> asked_by", name=op.f("ck_confirmations_four_eyes")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_confirmations")),
    )
    op.add_column("roster_entries", sa.Column("added_by", sa.Integer(), nullable=True))
    op.add_column("roster_entries", sa.Column("waits_for", sa.BigInteger(), nullable=True))
    op.add_column("person_marks", sa.Column("waits_for", sa.BigInteger(), nullable=True))
    op.create_index("ix_roster_entries_waits_for", "roster_entries", ["waits_for"])
    op.create_index("ix_person_marks_waits_for", "person_marks", ["waits_for"])


def downgrade() -> None:
    """What waited to be confirmed must not be paid by a program that asks nobody: it is taken off, and can be added anew."""
    op.execute("UPDATE roster_entries SET is_active = false WHERE waits_for IS NOT NULL")
    op.execute("DELETE FROM person_marks WHERE waits_for IS NOT NULL")
    op.drop_index("ix_person_marks_waits_for", "person_marks")
    op.drop_index("ix_roster_entries_waits_for", "roster_entries")
    op.drop_column("person_marks", "waits_for")
    op.drop_column("roster_entries", "waits_for")
    op.drop_column("roster_entries", "added_by")
    op.drop_table("confirmations")
