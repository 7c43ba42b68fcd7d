"""an order says which account pays it, and a payout may be owed for an award"""

import sqlalchemy as sa
from alembic import op

from wxbot.migrations.checks import add_check, drop_check

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

SOURCES = ("voucher", "row", "manual", "reissue")


def _source_check(*kinds: str) -> None:
    drop_check("payouts", "source")
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    add_check("payouts", "source", f"source_kind IN ({listed})")


def upgrade() -> None:
    """All orders that exist are paid from what was reserved."""
    op.add_column("orders", sa.Column("fund", sa.String(length=16), nullable=False, server_default="reserved"))
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("orders", "fund", server_default=None)
    add_check("orders", "fund", "fund IN ('reserved', 'owed')")
    _source_check(*SOURCES, "award")


def downgrade() -> None:
    """Fails while a payout is owed for an award: a program that does not know them would pay them from the wrong account."""
    _source_check(*SOURCES)
    drop_check("orders", "fund")
    op.drop_column("orders", "fund")
