"""the fund bill's faults: found by an index"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """An index over the few lines that have a fault; quick on a long table, for hardly a line is in it."""
    op.create_index(
        "ix_bill_lines_fault",
        "bill_lines",
        ["fault", "id"],
        sqlite_where=sa.text("fault IS NOT NULL"),
        postgresql_where=sa.text("fault IS NOT NULL"),
    )
