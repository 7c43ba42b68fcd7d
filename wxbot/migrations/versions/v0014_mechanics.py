"""a campaign says how it gives; those there are give by WeChat's lottery"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One column more, with its value in every row.

    SQLite keeps the default: dropping it would write anew a table to which others refer. wxbot always names a value.
    """
    op.add_column("campaigns", sa.Column("mechanic", sa.String(length=16), nullable=False, server_default="shake"))
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("campaigns", "mechanic", server_default=None)


def downgrade() -> None:
    """The column goes."""
    op.drop_column("campaigns", "mechanic")
