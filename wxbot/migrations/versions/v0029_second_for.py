"""what made a payout wait for a second person"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of payouts that exist it is not known."""
    op.add_column("payouts", sa.Column("second_for", sa.JSON(), nullable=True))


def downgrade() -> None:
    """They wait all the same."""
    op.drop_column("payouts", "second_for")
