"""the sentinel of the secret key: one row that only this deployment's key opens; the first start writes it"""

import sqlalchemy as sa
from alembic import op

from wxbot.db import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "key_sentinel",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sealed", sa.String(length=200), nullable=False),
        sa.Column("coming", sa.String(length=200), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_key_sentinel_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_key_sentinel")),
    )
