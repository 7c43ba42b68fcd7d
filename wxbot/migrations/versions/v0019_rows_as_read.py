"""what a list's file held beside its rows: rows that nobody saw, columns that were not read, cells that could not be taken"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

ADDED = (
    ("list_rows", "is_hidden", sa.Boolean(), sa.false()),
    ("list_rows", "read_sealed", sa.Text(), None),
    ("pay_lists", "unread", sa.String(400), ""),
    ("roster_files", "faulty_sealed", sa.Text(), ""),
)


def upgrade() -> None:
    """Four columns; lists and files of before say nothing in them.

    SQLite keeps the defaults: dropping them would write anew tables to which others refer. wxbot always names a value.
    """
    for table, name, kind, default in ADDED:
        op.add_column(table, sa.Column(name, kind, nullable=default is None, server_default=default))
        if default is not None and op.get_bind().dialect.name == "postgresql":
            op.alter_column(table, name, server_default=None)


def downgrade() -> None:
    """The old program reads no more of a file than its rows."""
    for table, name, _, _ in reversed(ADDED):
        op.drop_column(table, name)
