"""people of instant campaigns are added up as well: each once for every step, where they first came from"""

from alembic import op

from wxbot.migrations.checks import add_check, drop_check

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

HOURS = {
    "sqlite": "strftime('%Y-%m-%d %H:00:00.000000', coalesce(draw.drawn_at, award.won_at))",
    "postgresql": "date_trunc('hour', coalesce(draw.drawn_at, award.won_at), 'UTC')",
}
"""The beginning of the hour in which a person drew first, as each database keeps a moment; in a hall, of their first award."""

BEFORE = "what IN ('draws', 'people', 'tapped', 'open', 'collecting', 'paid', 'forfeited', 'given'"
STEPS = {
    "winners": "true",
    "collectors": "(award.tapped_at IS NOT NULL OR award.status IN ('paid', 'given'))",
    "receivers": "award.status IN ('paid', 'given')",
}
"""Step → the awards that led their people there."""


def upgrade() -> None:
    """Count what is there, once, and remember whom: a step is a limit of one."""
    drop_check("instant_sums", "what")
    add_check("instant_sums", "what", f"{BEFORE}, 'winners', 'collectors', 'receivers')")
    hour = HOURS[op.get_bind().dialect.name]
    for step, led_there in STEPS.items():
        op.execute(
            "INSERT INTO quotas (name, period, n, fen)"  # noqa: S608 - all written here
            f" SELECT DISTINCT 'first:{step}:' || award.campaign_id || ':' || award.openid, 'all', 1, 0"
            f" FROM awards AS award WHERE {led_there}"
        )
        op.execute(
            "INSERT INTO instant_sums (campaign_id, hour, channel_code, what, n, fen)"  # noqa: S608 - all written here
            f" SELECT award.campaign_id, {hour}, coalesce(draw.channel_code, award.channel_code), '{step}', count(*), 0"
            " FROM (SELECT campaign_id, openid, min(k) AS k FROM awards AS award"
            f"       WHERE {led_there} GROUP BY campaign_id, openid) AS reached"
            " JOIN awards AS award ON award.campaign_id = reached.campaign_id AND award.k = reached.k"
            " LEFT JOIN (SELECT campaign_id, openid, min(k) AS k FROM instant_draws GROUP BY campaign_id, openid) AS first"
            "   ON first.campaign_id = reached.campaign_id AND first.openid = reached.openid"
            " LEFT JOIN instant_draws AS draw ON draw.campaign_id = first.campaign_id AND draw.k = first.k"
            f" GROUP BY award.campaign_id, {hour}, coalesce(draw.channel_code, award.channel_code)"
        )


def downgrade() -> None:
    """Only draws and awards are added up."""
    op.execute("DELETE FROM quotas WHERE name LIKE 'first:%'")
    op.execute("DELETE FROM instant_sums WHERE what IN ('winners', 'collectors', 'receivers')")
    drop_check("instant_sums", "what")
    add_check("instant_sums", "what", f"{BEFORE})")
