"""a campaign says how it gives; what only WeChat's lottery knows leaves campaigns and draws"""

import sqlalchemy as sa
from alembic import op

from wxbot.db import BigId

revision = "0014"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The mechanic in every row of campaigns, their pages in a table of the lottery's, one column instead of three in draws.

    SQLite keeps the default: dropping it would write anew a table to which others refer. wxbot always names a value.
    """
    op.add_column("campaigns", sa.Column("mechanic", sa.String(length=16), nullable=False, server_default="shake"))
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("campaigns", "mechanic", server_default=None)
    op.create_table(
        "shake_pages",
        sa.Column("campaign_id", BigId, autoincrement=False, nullable=False),
        sa.Column("page_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_shake_pages_campaign_id_campaigns")),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_shake_pages")),
    )
    op.execute(
        "INSERT INTO shake_pages (campaign_id, page_id) SELECT id, page_id FROM campaigns WHERE page_id IS NOT NULL"
    )
    for column in ("page_id", "is_lottery_on"):  # each lottery says itself whether it is on
        op.drop_column("campaigns", column)
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
    op.add_column("campaigns", sa.Column("page_id", sa.BigInteger(), nullable=True))
    op.add_column("campaigns", sa.Column("is_lottery_on", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute(
        "UPDATE campaigns SET page_id = (SELECT page_id FROM shake_pages WHERE campaign_id = campaigns.id),"
        " is_lottery_on = EXISTS (SELECT 1 FROM lotteries WHERE campaign_id = campaigns.id AND is_on)"
    )
    op.drop_table("shake_pages")
    op.drop_column("campaigns", "mechanic")
