"""a hall says itself which language its screen speaks; before, the browser on the stage did"""

import sqlalchemy as sa
from alembic import op

from wxbot.migrations.checks import add_check, drop_check

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Chinese, for halls that there are; their host changes it on the desk."""
    op.add_column("halls", sa.Column("language", sa.String(2), nullable=False, server_default="zh"))
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("halls", "language", server_default=None)
    add_check("halls", "language", "language IN ('zh', 'en')")


def downgrade() -> None:
    """The browser decides again."""
    drop_check("halls", "language")
    op.drop_column("halls", "language")
