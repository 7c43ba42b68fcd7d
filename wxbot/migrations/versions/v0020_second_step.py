"""a second step at sign-in; tries are counted by address and account, temporary passwords end"""

import sqlalchemy as sa
from alembic import op

from wxbot.db import UtcDateTime

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Lock-outs end with the columns that held them; a temporary password that is in use now ends in 72 hours.

    SQLite keeps the defaults: dropping one would write anew a table to which others refer. wxbot always names a value.
    """
    op.drop_column("staff", "failures")
    op.drop_column("staff", "locked_until")
    op.add_column("staff", sa.Column("password_ends_at", UtcDateTime(), nullable=True))
    op.add_column("staff", sa.Column("totp_sealed", sa.String(length=100), nullable=False, server_default=""))
    op.add_column("staff", sa.Column("totp_at", UtcDateTime(), nullable=True))
    op.add_column("staff", sa.Column("totp_step", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("staff_sessions", sa.Column("needs_code", sa.Boolean(), nullable=False, server_default=sa.false()))
    if op.get_bind().dialect.name == "postgresql":
        for table, column in (("staff", "totp_sealed"), ("staff", "totp_step"), ("staff_sessions", "needs_code")):
            op.alter_column(table, column, server_default=None)
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    ends_at = "datetime('now', '+72 hours')" if is_sqlite else "now() + interval '72 hours'"
    op.execute(f"UPDATE staff SET password_ends_at = {ends_at} WHERE is_password_temporary")  # noqa: S608
    op.create_table(
        "recovery_codes",
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_recovery_codes_staff_id_staff")),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_recovery_codes")),
    )
    op.create_index(op.f("ix_recovery_codes_staff_id"), "recovery_codes", ["staff_id"])


def downgrade() -> None:
    """Nobody is asked for a code any more: the version before cannot. Sessions that wait for one end."""
    op.drop_table("recovery_codes")
    op.execute("DELETE FROM staff_sessions WHERE needs_code")
    op.drop_column("staff_sessions", "needs_code")
    for column in ("totp_step", "totp_at", "totp_sealed", "password_ends_at"):
        op.drop_column("staff", column)
    op.add_column("staff", sa.Column("failures", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("staff", sa.Column("locked_until", UtcDateTime(), nullable=True))
