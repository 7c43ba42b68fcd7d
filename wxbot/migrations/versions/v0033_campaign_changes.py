"""a running campaign may be changed to people's advantage, when a second person agrees"""

from alembic import op

from wxbot.migrations.checks import add_check, drop_check

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def _subject_check(condition: str) -> None:
    drop_check("rule_changes", "subject_kind")
    add_check("rule_changes", "subject_kind", condition)


def upgrade() -> None:
    """No campaign waits for a change yet."""
    _subject_check("subject_kind IN ('programme', 'kind', 'campaign')")


def downgrade() -> None:
    """What waits is not agreed to; what was agreed to stays published, and who did it stays in the log."""
    op.execute("DELETE FROM rule_changes WHERE subject_kind = 'campaign'")
    _subject_check("subject_kind IN ('programme', 'kind')")
