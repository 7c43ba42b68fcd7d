"""photos of vouchers may be in the database"""

import sqlalchemy as sa
from alembic import op

from wxbot.db import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two tables; photos that lie in a folder stay there until `wxbot photos move`."""
    op.create_table(
        "voucher_photo_files",
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_voucher_photo_files")),
    )
    op.create_table(
        "voucher_photo_folders",
        sa.Column("mark", sa.String(length=32), nullable=False),
        sa.Column("host", sa.String(length=64), nullable=False),
        sa.Column("path", sa.String(length=200), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("mark", name=op.f("pk_voucher_photo_folders")),
    )
    if op.get_bind().dialect.name == "postgresql":
        # A JPEG cannot be compressed again: PostgreSQL need not try.
        op.execute("ALTER TABLE voucher_photo_files ALTER COLUMN content SET STORAGE EXTERNAL")
