"""draws that wxbot decides itself: terms, prizes and their codes, draws, awards, published rules; staff's own openids"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from wxbot.db import BigId, UtcDateTime

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

TABLES = (
    "prize_codes",
    "awards",
    "prizes",
    "instant_terms",
    "campaign_rules",
    "campaign_people",
    "instant_gaps",
    "instant_draws",
)


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    """New tables; nobody of the staff has tied an openid yet."""
    op.create_table(
        "instant_draws",
        sa.Column("campaign_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("k", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("openid", sa.String(length=64), nullable=False),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("dice", sa.Integer(), nullable=False),
        sa.Column("prize_ordinal", sa.Integer(), nullable=True),
        sa.Column("amount_fen", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(length=4), nullable=False),
        sa.Column("rule_version", sa.Integer(), nullable=False),
        sa.Column("released", sa.Integer(), nullable=True),
        sa.Column("left", sa.Integer(), nullable=True),
        sa.Column("drawn_at", UtcDateTime(), nullable=False),
        sa.Column("channel_code", sa.String(length=32), nullable=False),
        sa.Column("ip", sa.String(length=45), nullable=True),
        sa.CheckConstraint("(outcome = 'won') = (prize_ordinal IS NOT NULL)", name=op.f("ck_instant_draws_prize")),
        sa.CheckConstraint("outcome IN ('won', 'lost', 'gone')", name=op.f("ck_instant_draws_outcome")),
        sa.CheckConstraint("dice >= 0 AND dice < 1000000", name=op.f("ck_instant_draws_dice")),
        sa.PrimaryKeyConstraint("campaign_id", "k", name=op.f("pk_instant_draws")),
        sa.UniqueConstraint("campaign_id", "nonce", name=op.f("uq_instant_draws_campaign_id_nonce")),
    )
    op.create_index("ix_instant_draws_openid", "instant_draws", ["campaign_id", "openid"])
    op.create_index("ix_instant_draws_person", "instant_draws", ["openid"])
    op.create_table(
        "instant_gaps",
        sa.Column("campaign_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("from_k", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("to_k", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.String(length=20), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("campaign_id", "from_k", name=op.f("pk_instant_gaps")),
    )
    op.create_table(
        "campaign_people",
        sa.Column("campaign_id", BigId, autoincrement=False, nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=6), nullable=False),
        sa.CheckConstraint("kind IN ('openid', 'phone')", name=op.f("ck_campaign_people_kind")),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaigns.id"], name=op.f("fk_campaign_people_campaign_id_campaigns")
        ),
        sa.PrimaryKeyConstraint("campaign_id", "subject", name=op.f("pk_campaign_people")),
    )
    op.create_table(
        "campaign_rules",
        sa.Column("campaign_id", BigId, autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("text", sa.JSON(), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("published_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaigns.id"], name=op.f("fk_campaign_rules_campaign_id_campaigns")
        ),
        sa.PrimaryKeyConstraint("campaign_id", "version", name=op.f("pk_campaign_rules")),
    )
    op.create_table(
        "instant_terms",
        sa.Column("campaign_id", BigId, autoincrement=False, nullable=False),
        sa.Column("seed_sealed", sa.String(length=200), nullable=False),
        sa.Column("seed_sha256", sa.String(length=64), nullable=False),
        sa.Column("seed", sa.String(length=64), nullable=True),
        sa.Column("next_k", sa.BigInteger(), nullable=False),
        sa.Column("rule_version", sa.Integer(), nullable=False),
        sa.Column("wins_per_person", sa.Integer(), nullable=True),
        sa.Column("wins_per_day", sa.Integer(), nullable=True),
        sa.Column("winners_per_day", sa.Integer(), nullable=True),
        sa.Column("gap_s", sa.Integer(), nullable=True),
        sa.Column("claim_s", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("needs_binding", sa.Boolean(), nullable=False),
        sa.Column("is_allow_only", sa.Boolean(), nullable=False),
        sa.Column("skin", sa.String(length=10), nullable=False),
        sa.Column("look", sa.JSON(), nullable=False),
        sa.Column("carry", sa.Boolean(), nullable=False),
        sa.Column("password", sa.String(length=32), nullable=True),
        sa.CheckConstraint("channel IN ('transfer_bills', 'sendredpack')", name=op.f("ck_instant_terms_channel")),
        sa.CheckConstraint("skin IN ('shake', 'wheel', 'grid', 'scratch')", name=op.f("ck_instant_terms_skin")),
        sa.CheckConstraint("next_k > 0 AND claim_s > 0", name=op.f("ck_instant_terms_positive")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_instant_terms_campaign_id_campaigns")),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_instant_terms")),
    )
    op.create_table(
        "prizes",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("campaign_id", BigId, nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("split", sa.String(length=8), nullable=False),
        sa.Column("min_fen", sa.BigInteger(), nullable=False),
        sa.Column("max_fen", sa.BigInteger(), nullable=False),
        sa.Column("total_fen", sa.BigInteger(), nullable=False),
        sa.Column("value_fen", sa.BigInteger(), nullable=False),
        sa.Column("odds_ppm", sa.Integer(), nullable=False),
        sa.Column("stock", sa.Integer(), nullable=False),
        sa.Column("left", sa.Integer(), nullable=False),
        sa.Column("release", sa.JSON(), nullable=False),
        sa.Column("when_gone", sa.String(length=12), nullable=False),
        sa.CheckConstraint("kind IN ('money', 'code')", name=op.f("ck_prizes_kind")),
        sa.CheckConstraint("split IN ('fixed', 'range', 'exact')", name=op.f("ck_prizes_split")),
        sa.CheckConstraint("when_gone IN ('miss', 'consolation')", name=op.f("ck_prizes_when_gone")),
        sa.CheckConstraint('0 <= "left" AND "left" <= stock', name=op.f("ck_prizes_stock")),
        sa.CheckConstraint(
            "min_fen >= 0 AND min_fen <= max_fen AND total_fen >= 0 AND value_fen >= 0", name=op.f("ck_prizes_amounts")
        ),
        sa.CheckConstraint("odds_ppm BETWEEN 0 AND 1000000", name=op.f("ck_prizes_odds")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_prizes_campaign_id_campaigns")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prizes")),
        sa.UniqueConstraint("campaign_id", "ordinal", name=op.f("uq_prizes_campaign_id_ordinal")),
    )
    op.create_table(
        "awards",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("public_id", sa.String(length=24), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("k", sa.BigInteger(), nullable=False),
        sa.Column("openid", sa.String(length=64), nullable=False),
        sa.Column("prize_id", BigId, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("deadline_at", UtcDateTime(), nullable=False),
        sa.Column("tapped_at", UtcDateTime(), nullable=True),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.Column("payout_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("(kind = 'money') = (amount_fen > 0)", name=op.f("ck_awards_amount")),
        sa.CheckConstraint("kind IN ('money', 'code')", name=op.f("ck_awards_kind")),
        sa.CheckConstraint(
            "status IN ('open', 'collecting', 'paid', 'forfeited', 'given')", name=op.f("ck_awards_status")
        ),
        sa.ForeignKeyConstraint(["prize_id"], ["prizes.id"], name=op.f("fk_awards_prize_id_prizes")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_awards")),
        sa.UniqueConstraint("campaign_id", "k", name=op.f("uq_awards_campaign_id_k")),
        sa.UniqueConstraint("public_id", name=op.f("uq_awards_public_id")),
    )
    op.create_index("ix_awards_open", "awards", ["deadline_at"], **_where("status IN ('open', 'collecting')"))
    op.create_index("ix_awards_openid", "awards", ["openid", "id"])
    op.create_index("ix_awards_payout_id", "awards", ["payout_id"])
    op.create_table(
        "prize_codes",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("prize_id", BigId, nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("code_sealed", sa.String(length=400), nullable=False),
        sa.Column("code_index", sa.String(length=64), nullable=False),
        sa.Column("award_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["prize_id"], ["prizes.id"], name=op.f("fk_prize_codes_prize_id_prizes")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prize_codes")),
        sa.UniqueConstraint("award_id", name=op.f("uq_prize_codes_award_id")),
        sa.UniqueConstraint("campaign_id", "code_index", name=op.f("uq_prize_codes_campaign_id_code_index")),
        sa.UniqueConstraint("prize_id", "ordinal", name=op.f("uq_prize_codes_prize_id_ordinal")),
    )
    op.create_index("ix_prize_codes_free", "prize_codes", ["prize_id", "ordinal"], **_where("award_id IS NULL"))
    op.add_column("staff", sa.Column("openid", sa.String(64), nullable=True))
    op.create_index("ix_staff_openid", "staff", ["openid"], unique=True)


def downgrade() -> None:
    """Drafts of this kind go; what was drawn and is owed does not: a program that cannot pay it must not run here."""
    is_started = sa.text(
        "SELECT count(*) FROM campaigns WHERE mechanic = 'instant' AND status NOT IN ('draft', 'submitted')"
    )
    if op.get_bind().scalar(is_started):
        words = "有即开型活动已经审批或开始，不能退回旧版本"
        raise RuntimeError(f"{words} / a campaign of instant draws is approved or running")
    for table in TABLES:
        op.drop_table(table)
    op.execute("DELETE FROM campaigns WHERE mechanic = 'instant'")
    op.drop_index("ix_staff_openid", "staff")
    op.drop_column("staff", "openid")
