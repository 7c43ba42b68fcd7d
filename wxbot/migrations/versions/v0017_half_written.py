"""a draft can be put aside before all of it is right"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One column without a default: nothing is written to rows that exist."""
    op.add_column("campaigns", sa.Column("half_written", sa.JSON(), nullable=True))


def downgrade() -> None:
    """What is half-written is lost but for its name; it stays a draft that cannot be submitted."""
    op.drop_column("campaigns", "half_written")
