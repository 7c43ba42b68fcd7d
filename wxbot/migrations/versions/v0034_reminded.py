"""an award says when its person was reminded of it"""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Whoever has something open is reminded as of now."""
    op.add_column("awards", sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """The notices stay; their unique reference keeps them from being written again."""
    op.drop_column("awards", "reminded_at")
