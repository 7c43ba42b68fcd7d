"""a campaign says how it gives, those there are by WeChat's lottery; a draw keeps what was handed out in its mechanic's words"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A column more in campaigns, with its value in every row, and one instead of three in draws.

    SQLite keeps the default: dropping it would write anew a table to which others refer. wxbot always names a value.
    """
    op.add_column("campaigns", sa.Column("mechanic", sa.String(length=16), nullable=False, server_default="shake"))
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("campaigns", "mechanic", server_default=None)
    op.add_column("draws", sa.Column("handed_out", sa.String(length=200), nullable=True))
    op.execute("UPDATE draws SET handed_out = lottery_id || '|' || noncestr || '|' || sign WHERE sign IS NOT NULL")
    for column in ("lottery_id", "noncestr", "sign"):
        op.drop_column("draws", column)


def downgrade() -> None:
    """The three parts again. A draw without parameters had a lottery, too, which nobody asked about: it gets none."""
    op.add_column("draws", sa.Column("lottery_id", sa.String(length=64), nullable=False, server_default=""))
    for column in ("noncestr", "sign"):
        op.add_column("draws", sa.Column(column, sa.String(length=32), nullable=True))
    find = "instr" if op.get_bind().dialect.name == "sqlite" else "strpos"
    for part in ("lottery_id", "noncestr"):
        cut = f"{find}(handed_out, '|')"
        op.execute(
            f"UPDATE draws SET {part} = substr(handed_out, 1, {cut} - 1), handed_out = substr(handed_out, {cut} + 1)"  # noqa: S608
            " WHERE handed_out IS NOT NULL"
        )
    op.execute("UPDATE draws SET sign = handed_out")
    op.drop_column("draws", "handed_out")
    op.drop_column("campaigns", "mechanic")
