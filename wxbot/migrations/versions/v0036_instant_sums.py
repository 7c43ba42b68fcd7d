"""draws and awards of instant campaigns are added up by hour and way in"""

import sqlalchemy as sa
from alembic import op

from wxbot.db import UtcDateTime

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

HOURS = {
    "sqlite": "strftime('%Y-%m-%d %H:00:00.000000', draw.drawn_at)",
    "postgresql": "date_trunc('hour', draw.drawn_at, 'UTC')",
}
"""The beginning of a draw's hour, as each database keeps a moment."""

SUMS = {
    "'draws'": "instant_draws AS draw",
    "'people'": """(SELECT campaign_id, min(k) AS k FROM instant_draws GROUP BY campaign_id, openid) AS first
        JOIN instant_draws AS draw ON draw.campaign_id = first.campaign_id AND draw.k = first.k""",
    "award.status": "awards AS award JOIN instant_draws AS draw ON draw.campaign_id = award.campaign_id AND draw.k = award.k",
    "'tapped'": """awards AS award JOIN instant_draws AS draw ON draw.campaign_id = award.campaign_id AND draw.k = award.k
        WHERE award.tapped_at IS NOT NULL""",
}
"""What is counted → the rows that are."""


def upgrade() -> None:
    """Count what is there, once."""
    op.create_table(
        "instant_sums",
        sa.Column("campaign_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hour", UtcDateTime(), nullable=False),
        sa.Column("channel_code", sa.String(32), nullable=False),
        sa.Column("what", sa.String(10), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "what IN ('draws', 'people', 'tapped', 'open', 'collecting', 'paid', 'forfeited', 'given')",
            name=op.f("ck_instant_sums_what"),
        ),
        sa.PrimaryKeyConstraint("campaign_id", "hour", "channel_code", "what", name=op.f("pk_instant_sums")),
    )
    hour = HOURS[op.get_bind().dialect.name]
    for what, rows in SUMS.items():
        fen = "sum(award.amount_fen)" if what == "award.status" else "0"
        op.execute(
            "INSERT INTO instant_sums (campaign_id, hour, channel_code, what, n, fen)"  # noqa: S608 - all written here
            f" SELECT draw.campaign_id, {hour}, draw.channel_code, {what}, count(*), {fen} FROM {rows}"
            f" GROUP BY draw.campaign_id, {hour}, draw.channel_code" + (f", {what}" if what == "award.status" else "")
        )


def downgrade() -> None:
    """The rows that were counted stay."""
    op.drop_table("instant_sums")
