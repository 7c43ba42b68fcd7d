"""whose a code is that a restore had put aside"""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of codes that were put aside before nobody knows."""
    op.add_column("prize_codes", sa.Column("lost_openid", sa.String(64), nullable=True))
    known = sa.text("lost_openid IS NOT NULL")
    op.create_index("ix_prize_codes_lost", "prize_codes", ["lost_openid"], sqlite_where=known, postgresql_where=known)


def downgrade() -> None:
    """They stay put aside."""
    op.drop_index("ix_prize_codes_lost", "prize_codes")
    op.drop_column("prize_codes", "lost_openid")
