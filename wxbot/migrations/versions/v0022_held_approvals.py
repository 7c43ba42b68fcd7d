"""since when an account may approve, and what a reviewer saw"""

import sqlalchemy as sa
from alembic import op

from wxbot.db import UtcDateTime

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two columns without a default: accounts that exist may approve, decisions on their way are carried out as they were."""
    op.add_column("staff", sa.Column("approves_from", UtcDateTime(), nullable=True))
    op.add_column("voucher_decisions", sa.Column("content_sha256", sa.String(64), nullable=True))


def downgrade() -> None:
    """Fresh accounts may approve at once again."""
    op.drop_column("voucher_decisions", "content_sha256")
    op.drop_column("staff", "approves_from")
