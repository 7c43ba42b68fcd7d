"""codes may lie ready for a prize that a running hall gets on the spot, before there is one"""

from alembic import op

from wxbot.migrations.checks import allow_null, forbid_null

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A code of no prize yet belongs to its campaign alone."""
    allow_null("prize_codes", "prize_id")


def downgrade() -> None:
    """Codes that lie ready go: nobody was promised any of them, and who imported them has them."""
    op.execute("DELETE FROM prize_codes WHERE prize_id IS NULL")
    forbid_null("prize_codes", "prize_id")
