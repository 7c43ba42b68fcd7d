"""photos are compared however they lie, and with something cut off"""

import sqlalchemy as sa
from alembic import op

from wxbot.db import BigId

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Photos of before are compared as they stand, against copies that lie in any way.

    SQLite keeps the default: dropping it would write anew a table to which others refer. wxbot always names a value.
    """
    op.add_column("voucher_photos", sa.Column("turns", sa.String(length=112), nullable=False, server_default=""))
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("voucher_photos", "turns", server_default=None)
    op.create_table(
        "voucher_photo_windows",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("photo_id", BigId, nullable=False),
        sa.Column("phash", sa.String(length=16), nullable=False),
        *(sa.Column(f"band_{each}", sa.Integer(), nullable=True) for each in "abcd"),
        sa.ForeignKeyConstraint(
            ["photo_id"], ["voucher_photos.id"], name=op.f("fk_voucher_photo_windows_photo_id_voucher_photos")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voucher_photo_windows")),
    )
    for column in ("photo_id", "band_a", "band_b", "band_c", "band_d"):
        op.create_index(op.f(f"ix_voucher_photo_windows_{column}"), "voucher_photo_windows", [column])


def downgrade() -> None:
    """The version before compares photos as they stand."""
    op.drop_table("voucher_photo_windows")
    op.drop_column("voucher_photos", "turns")
