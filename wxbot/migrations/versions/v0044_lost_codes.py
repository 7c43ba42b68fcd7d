"""what a restore has lost of an evening: codes that were given, pieces of a prize, prizes of the evening itself"""

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing is known to be lost of what there is."""
    op.add_column("prize_codes", sa.Column("lost_k", sa.BigInteger(), nullable=True))
    op.add_column("instant_gaps", sa.Column("given", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("halls", sa.Column("lost_prizes", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    """Codes that somebody has, though no award here says so, go: without the column they would be given to a second person."""
    op.execute("DELETE FROM prize_codes WHERE lost_k IS NOT NULL AND award_id IS NULL")
    op.drop_column("prize_codes", "lost_k")
    op.drop_column("instant_gaps", "given")
    op.drop_column("halls", "lost_prizes")
